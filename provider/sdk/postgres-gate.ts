import * as pulumi from "@pulumi/pulumi";
import { type PostgresConnectionArgs, withSecretPassword } from "./connections.ts";

export interface PostgresGateArgs {
  /** The login that must work, from the machine that runs Pulumi. Change: state only. */
  connection: PostgresConnectionArgs;
  /** Container of the server: when it ends, the gate fails at once with its last words. Change: state only. */
  containerName: pulumi.Input<string>;
  /** Whatever the server must be waited for again after, e.g. its container's id. Change: waited for again. */
  triggers: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** How long to wait, seconds, 1 to 3600. Change: state only. @default 90 */
  timeoutSeconds?: pulumi.Input<number>;
}

/**
 * Waits until Postgres takes logins, so that what comes after it (the postgresql provider connects once, without a
 * retry) finds a server. Fails with the reason of the last refusal, or at once when the container ended or the login
 * is wrong.
 */
export class PostgresGate extends pulumi.CustomResource {
  constructor(name: string, args: PostgresGateArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, connection: withSecretPassword(args.connection) };
    super("poolkit:index:PostgresGate", name, inputs, options);
  }
}
