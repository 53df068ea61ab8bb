import * as pulumi from "@pulumi/pulumi";

export interface PreflightArgs {
  /** Stack that asks: names that its own containers have count as free. */
  stack: string;
  /**
   * Path of the setting → host port on 127.0.0.1 that it wants, and the container that will publish it: a port that this
   * one holds counts as free, one of another container does not, even of the same stack.
   */
  ports: Record<string, { port: number; container: string }>;
  /** Names of the containers that the stack is going to make. */
  containerNames: string[];
  /** Image that the kit's own images are built on. */
  baseImage: string;
  /** Tag of each image that the stack runs → MB that the engine's disk must have for it when it is missing. */
  images: Readonly<Record<string, number>>;
}

/** One thing that would make the deployment fail, in the words of the person who has to fix it. */
export interface PreflightProblem {
  /** Path of the setting, e.g. `poolkit:ports.app`, or `docker`. */
  path: string;
  found: string;
  allowed: string;
  fix: string;
}

export interface PreflightResult {
  problems: PreflightProblem[];
  /** Version of Docker Engine; empty when it cannot be reached. */
  engineVersion: string;
}

/**
 * Looks at what a deployment needs from the machine before anything is created: the engine and its version, the base
 * image, host ports and container names. Changes nothing; all problems at once.
 */
export function preflight(args: PreflightArgs, options?: pulumi.InvokeOptions): Promise<PreflightResult> {
  return pulumi.runtime.invoke("poolkit:index:preflight", args, options ?? {});
}
