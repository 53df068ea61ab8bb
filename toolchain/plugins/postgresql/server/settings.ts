import type { Version } from "./version.ts";

/** The provider's configuration after Configure: how to reach the server and what to expect of it. */
export interface Settings {
  scheme: string;
  host: string;
  port: number;
  /** Database of the administrative connection. */
  database: string;
  username: string;
  password: string;
  /** The role behind `username` where the two differ (user name maps). */
  databaseUsername: string;
  /** Whether passwords may be read back. */
  superuser: boolean;
  sslmode: string;
  sslrootcert: string;
  clientcert: { cert: string; key: string; inline: boolean } | undefined;
  /** Seconds until an attempt to connect is given up; 0 or less: never. */
  connectTimeoutSeconds: number;
  /** Connections per database; 0 or less: no limit. */
  maxConnections: number;
  /** Undefined: the server is asked. */
  expectedVersion: Version | undefined;
}

/** The database role that the provider acts as. */
export function databaseRole(settings: Settings): string {
  const name = settings.databaseUsername || settings.username;
  // Managed services append the host: "user@host".
  return name.split("@")[0] ?? name;
}
