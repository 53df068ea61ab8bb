import * as pulumi from "@pulumi/pulumi";
import type { Login } from "./secrets.ts";

export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly parameters?: Readonly<Record<string, number>>;
}

/** A connection URL with the login's password; a secret. Names and passwords are safe in URLs as they are made. */
export function postgresUrl(login: Login, address: PostgresAddress): pulumi.Output<string> {
  const { host, port, database, parameters = {} } = address;
  const query = Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const tail = `${host}:${port}/${database}${query === "" ? "" : `?${query}`}`;
  return pulumi.secret(login.password.apply((password) => `postgresql://${login.role}:${password}@${tail}`));
}
