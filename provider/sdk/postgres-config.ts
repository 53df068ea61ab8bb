import * as pulumi from "@pulumi/pulumi";
import { type PostgresConnectionArgs, withSecretPassword } from "./connections.ts";
import type { VolumeFilesArgs } from "./volume-files.ts";

export interface PostgresConfigArgs extends VolumeFilesArgs {
  /**
   * Keys of `postgresql.conf` with values as Postgres writes them, without quotes (`128MB`, `on`, `200`). A change
   * is live (reload, then read back in normalised units); a setting that Postgres reports as `pending_restart`
   * restarts the container once.
   */
  settings: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Lines of `pg_hba.conf` in order, without comments. Live. */
  hba: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * SCRAM-SHA-256 verifier of the superuser, read by the image's entrypoint when the cluster is made. Secret in
   * state. Changed together with `connection.password` it becomes the password of an existing cluster, live. A refresh
   * shows it as changed where the file was edited or Postgres refuses the login: both are put right, the latter by `psql`
   * inside the container where `pg_hba.conf` lets its user in (`local all postgres peer`).
   */
  superuserVerifier: pulumi.Input<string>;
  /** Superuser login for the read-back. */
  connection: PostgresConnectionArgs;
}

/**
 * `poolkit.conf`, `pg_hba.conf` and `superuser-verifier` (mode 0400) in a volume, applied to the running Postgres
 * and compared with `pg_settings`. What Postgres does not take fails the `up`; the former files return. Deleting it
 * empties the files; data are never touched.
 */
export class PostgresConfig extends pulumi.CustomResource {
  /** SHA-256 (hex) over the three files, known at preview. */
  declare readonly sha256: pulumi.Output<string>;
  declare readonly volumeName: pulumi.Output<string>;
  declare readonly settings: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: PostgresConfigArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = {
      ...args,
      superuserVerifier: pulumi.secret(args.superuserVerifier),
      connection: withSecretPassword(args.connection),
      sha256: undefined,
    };
    const secret = { additionalSecretOutputs: ["superuserVerifier"] };
    super("poolkit:index:PostgresConfig", name, inputs, pulumi.mergeOptions(options, secret));
  }
}
