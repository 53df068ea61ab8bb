import * as pulumi from "@pulumi/pulumi";
import type { VolumeFilesArgs } from "./volume-files.ts";

/** Where the application tells which configuration it runs. */
export interface AppReadBackArgs {
  /** Health endpoint as seen from the machine that runs Pulumi; its body has `configuration.revision`. */
  url: pulumi.Input<string>;
  /** Bearer token of the endpoint. Always a secret in state. */
  token: pulumi.Input<string>;
}

export interface AppConfigArgs extends VolumeFilesArgs {
  /** Content of `settings.json`: a flat object of strings. A change is live (SIGHUP, then the revision is read back). */
  settings: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Further files by name, e.g. `database-url`. Secret in state. Live. */
  files: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * Signal that makes the application read its files again; "none" when it cannot: then the files are only written. A
   * change has no effect by itself. @default SIGHUP
   */
  reloadSignal?: pulumi.Input<string>;
  /** Where to read the applied revision back. Change: state only. @default none: the files are written, the signal is sent */
  readBack?: AppReadBackArgs;
}

/**
 * The application's settings and secret files (mode 0400) in a volume, applied to the running application by a signal
 * and, with `readBack`, compared with the revision that it reports. What it refuses fails the `up`; the former files return.
 */
export class AppConfig extends pulumi.CustomResource {
  /**
   * Lowercase hex SHA-256 over `settings.json`, `database-url`, `monitor-url`, `console-url`, `health-token`,
   * `api-token`, `metrics-token` and further files by name, each followed by one NUL byte; known at preview.
   */
  declare readonly revision: pulumi.Output<string>;
  declare readonly volumeName: pulumi.Output<string>;
  declare readonly settings: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: AppConfigArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = {
      ...args,
      files: pulumi.secret(args.files),
      readBack: args.readBack && { ...args.readBack, token: pulumi.secret(args.readBack.token) },
      revision: undefined,
    };
    const secret = { additionalSecretOutputs: ["files"] };
    super("poolkit:index:AppConfig", name, inputs, pulumi.mergeOptions(options, secret));
  }
}
