import * as pulumi from "@pulumi/pulumi";
import { type PgBouncerConsoleArgs, withSecretPassword } from "./connections.ts";
import type { VolumeFilesArgs } from "./volume-files.ts";

export interface PgBouncerClientLimitsArgs extends VolumeFilesArgs {
  /** Admin login: it looks who is there, and reads the limits back. */
  console: PgBouncerConsoleArgs;
  /** `clientsHeldAt` of the PgBouncerConfig. Change: the limits are lowered, unless it is empty. */
  heldAt: pulumi.Input<string>;
  /** Places that must be free below the new `max_client_conn` first, 0 to 1000000. Change: state only. */
  room: pulumi.Input<number>;
  /** How long to wait for them, seconds, 0 to 3600; then the limits are lowered with a warning. Change: state only. */
  patienceSeconds: pulumi.Input<number>;
}

/**
 * Lowers PgBouncer's limits on clients to what its file says, once there are few enough: the second half of a change
 * of a PgBouncerConfig with `lowersClientsLater`. Nobody who is connected is dropped. Fails when PgBouncer does not
 * run the file's settings afterwards. Deleting it does nothing.
 */
export class PgBouncerClientLimits extends pulumi.CustomResource {
  constructor(name: string, args: PgBouncerClientLimitsArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, console: withSecretPassword(args.console) };
    super("poolkit:index:PgBouncerClientLimits", name, inputs, options);
  }
}
