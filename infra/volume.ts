import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";

/** What every network and volume of a stack carries; containers add their component. */
export function stackLabels(stack: string): { label: string; value: string }[] {
  return [{ label: "poolkit.stack", value: stack }];
}

/** A named volume of the stack. `volumeName` is its name on the engine. */
export function stackVolume(
  resourceName: string,
  args: { readonly stack: string; readonly volumeName: string },
  opts: pulumi.CustomResourceOptions,
): docker.Volume {
  return new docker.Volume(resourceName, { name: args.volumeName, labels: stackLabels(args.stack) }, opts);
}
