import * as pulumi from "@pulumi/pulumi";
import { type PgBouncerConsoleArgs, withSecretPassword } from "./connections.ts";
import type { VolumeFilesArgs } from "./volume-files.ts";

export interface PgBouncerConfigArgs extends VolumeFilesArgs {
  /**
   * The `[pgbouncer]` section, complete, under PgBouncer's own names (see `mergePgBouncerSettings`). A change is
   * live (RELOAD, then read back); a setting of class `reconnect` also renews the server connections as they are
   * released; one of class `restart` restarts the container, which drops the clients.
   */
  settings: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** The `[databases]` section: name that clients ask for → its keys (`host`, `port`, `dbname`, `pool_size` …). Live. */
  databases: pulumi.Input<Record<string, pulumi.Input<Record<string, pulumi.Input<string>>>>>;
  /** The `[users]` section: role → its keys (`pool_mode`, `max_user_connections` …). Live. @default none */
  users?: pulumi.Input<Record<string, pulumi.Input<Record<string, pulumi.Input<string>>>>>;
  /** The `[peers]` section: number of a peer → its keys (`host`, `port`, `pool_size`). Live. @default none */
  peers?: pulumi.Input<Record<string, pulumi.Input<Record<string, pulumi.Input<string>>>>>;
  /** Role → SCRAM-SHA-256 verifier, for `userlist.txt`. Secret in state. Live: open connections stay. */
  userlist: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Admin login for the read-back. */
  console: PgBouncerConsoleArgs;
  /**
   * A change renews PgBouncer's server connections (RECONNECT) after the reload; for what only new sessions see,
   * such as role settings, with a `ChangeCount` of them for a change that is taken back half way. @default none
   */
  reconnectTriggers?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * true = limits on clients are raised at once, but PgBouncer goes on running the larger ones until
   * PgBouncerClientLimits lowers them; the file has the new ones from the start. Change: state only. @default false
   */
  lowersClientsLater?: pulumi.Input<boolean>;
  /**
   * How long a restart lets transactions end before the engine kills PgBouncer, seconds, 0 to 86400: longer than the
   * longest one. Change: state only. @default 30
   */
  restartGraceSeconds?: pulumi.Input<number>;
}

/**
 * `pgbouncer.ini` and `userlist.txt` (mode 0400) in a volume, applied to the running PgBouncer without dropping a
 * connection and compared with what it really runs. What PgBouncer does not take fails the `up`; the former files
 * return. Deleting it empties the files.
 */
export class PgBouncerConfig extends pulumi.CustomResource {
  /** SHA-256 (hex) over both files, known at preview. */
  declare readonly sha256: pulumi.Output<string>;
  /** When the last change left larger limits on clients running (ISO 8601); empty: it did not. */
  declare readonly clientsHeldAt: pulumi.Output<string>;
  declare readonly volumeName: pulumi.Output<string>;
  declare readonly containerName: pulumi.Output<string>;
  declare readonly settings: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: PgBouncerConfigArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = {
      ...args,
      userlist: pulumi.secret(args.userlist),
      console: withSecretPassword(args.console),
      sha256: undefined,
      clientsHeldAt: undefined,
    };
    const secret = { additionalSecretOutputs: ["userlist"] };
    super("poolkit:index:PgBouncerConfig", name, inputs, pulumi.mergeOptions(options, secret));
  }
}
