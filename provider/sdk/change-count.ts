import * as pulumi from "@pulumi/pulumi";

export interface ChangeCountArgs {
  /** What is counted, each as text. */
  triggers: pulumi.Input<Record<string, pulumi.Input<string>>>;
}

/**
 * Counts the changes of its triggers. Made before what they change, it tells whoever is updated after that of every
 * change, also of one that was cut half way and taken back: then the values are the former ones, the count is not.
 */
export class ChangeCount extends pulumi.CustomResource {
  /** 1 when it is made, one more with every change; known at preview. */
  declare readonly count: pulumi.Output<number>;

  constructor(name: string, args: ChangeCountArgs, options?: pulumi.CustomResourceOptions) {
    super("poolkit:index:ChangeCount", name, { ...args, count: undefined }, options);
  }
}
