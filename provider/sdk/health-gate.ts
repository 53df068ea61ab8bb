import * as pulumi from "@pulumi/pulumi";

export interface HealthGateArgs {
  /**
   * Health endpoint as seen from the machine that runs Pulumi: `application/health+json`, or anything else whose HTTP
   * status says it (2xx is healthy) as long as no revision is expected. Change: asked again.
   */
  url: pulumi.Input<string>;
  /** Bearer token of the endpoint. Always a secret in state. Change: state only. */
  token: pulumi.Input<string>;
  /** Whatever must be proved healthy again when it changes, e.g. container ids and file checksums. */
  triggers: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** The `configuration.revision` that the application must report. Change: asked again. @default any */
  expectedRevision?: pulumi.Input<string>;
  /** How long to wait for health, seconds, 1 to 3600. Change: state only. @default 60 */
  timeoutSeconds?: pulumi.Input<number>;
}

/**
 * The last step of an `up`: polls the health endpoint until it says `pass` (or `warn`, with a warning in Pulumi's
 * output) and the expected revision runs. Otherwise the `up` fails with the named cause, and the next one polls again.
 */
export class HealthGate extends pulumi.CustomResource {
  /** `pass` or `warn`, as the gate saw it. */
  declare readonly status: pulumi.Output<string>;
  declare readonly url: pulumi.Output<string>;

  constructor(name: string, args: HealthGateArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, token: pulumi.secret(args.token), status: undefined };
    super("poolkit:index:HealthGate", name, inputs, options);
  }
}
