import * as pulumi from "@pulumi/pulumi";

/**
 * A direct login to Postgres as the deployer reaches it (the port that the container publishes, never PgBouncer).
 * Changing it changes only how the plugin connects: nothing is updated or replaced for it.
 */
export interface PostgresConnectionArgs {
  /** Name or address as seen from the machine that runs Pulumi, e.g. `127.0.0.1`. */
  host: pulumi.Input<string>;
  /** TCP port, 1 to 65535. */
  port: pulumi.Input<number>;
  /** Database to log in to. */
  database: pulumi.Input<string>;
  /** Role to log in as. */
  user: pulumi.Input<string>;
  /** Its password. Always a secret in state, whether or not the caller marked it. */
  password: pulumi.Input<string>;
}

/**
 * A login to PgBouncer's admin console (database `pgbouncer`) as the deployer reaches it. The user must stand in
 * `admin_users`. Changing it changes only how the plugin connects.
 */
export interface PgBouncerConsoleArgs {
  /** Name or address as seen from the machine that runs Pulumi, e.g. `127.0.0.1`. */
  host: pulumi.Input<string>;
  /** Published port of PgBouncer, 1 to 65535. */
  port: pulumi.Input<number>;
  /** A user of `admin_users`. */
  user: pulumi.Input<string>;
  /** Its password. Always a secret in state, whether or not the caller marked it. */
  password: pulumi.Input<string>;
}

/**
 * Marks only the password as secret. The other fields stay plain, so that previews can show them; hence the
 * connection is a plain object of inputs and not one `Output`, whose secrecy would cover everything.
 */
export function withSecretPassword<T extends { password: pulumi.Input<string> }>(
  connection: T,
): T & { password: pulumi.Output<string> } {
  return { ...connection, password: pulumi.secret(connection.password) };
}
