import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { kitDeployment } from "./budget/deployment.ts";
import type { Login } from "./secrets.ts";

export interface DatabaseProviderArgs {
  readonly hostPort: number;
  readonly superuser: Login;
}

/**
 * The way into Postgres for the resources inside it. It connects only when one of them is made, and those wait for the
 * server: so its plugin may start long before there is one.
 */
export function databaseProvider({ hostPort, superuser }: DatabaseProviderArgs): postgresql.Provider {
  return new postgresql.Provider(
    "database-admin",
    {
      host: "127.0.0.1",
      port: hostPort,
      database: "postgres",
      username: superuser.role,
      password: superuser.password,
      superuser: true,
      sslmode: "disable",
      connectTimeout: 15,
      maxConnections: kitDeployment.providerConnections,
      expectedVersion: "18.0.0",
    },
    // Where it was before: under another name everything in the database would be replaced.
    { aliases: [{ parent: pulumi.createUrn("database", "poolkit:index:Database") }] },
  );
}
