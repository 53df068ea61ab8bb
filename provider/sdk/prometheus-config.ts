import * as pulumi from "@pulumi/pulumi";
import type { VolumeFilesArgs } from "./volume-files.ts";

export interface PrometheusConfigArgs extends VolumeFilesArgs {
  /**
   * Files by name: `prometheus.yml`, which must read every `*.rules.yml` beside it, rules, and secrets that it or others
   * with the same volume read. Secret in state. A change is live (SIGHUP, then the rules are read back).
   */
  files: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Prometheus as seen from the machine that runs Pulumi, without a slash at the end. Change: state only. */
  url: pulumi.Input<string>;
}

/**
 * Prometheus' files (mode 0400) in a volume, applied to the running server by SIGHUP and read back from the rules that
 * it evaluates. What it refuses fails the `up` with its own words; the former files return.
 */
export class PrometheusConfig extends pulumi.CustomResource {
  /** SHA-256 (hex) over names and contents, known at preview; a rule of the plugin's own carries it as a label. */
  declare readonly revision: pulumi.Output<string>;
  declare readonly volumeName: pulumi.Output<string>;

  constructor(name: string, args: PrometheusConfigArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, files: pulumi.secret(args.files), revision: undefined };
    const secret = { additionalSecretOutputs: ["files"] };
    super("poolkit:index:PrometheusConfig", name, inputs, pulumi.mergeOptions(options, secret));
  }
}
