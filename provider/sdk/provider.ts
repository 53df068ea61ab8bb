import * as pulumi from "@pulumi/pulumi";

/** Where the plugin finds Docker Engine. */
export interface ProviderArgs {
  /**
   * Address of Docker Engine: `unix:///var/run/docker.sock`, `tcp://host:2375`, `ssh://user@host`.
   * @default the environment variable DOCKER_HOST, else the engine's default socket
   */
  dockerHost?: pulumi.Input<string>;
}

/**
 * The kit's own provider, plugin `poolkit` (named in Pulumi.yaml under `plugins.providers`). Without an explicit
 * instance Pulumi makes a default one from the stack's `poolkit:` settings; pass one to be independent of them.
 */
export class Provider extends pulumi.ProviderResource {
  constructor(name: string, args: ProviderArgs = {}, options?: pulumi.ResourceOptions) {
    super("poolkit", name, { dockerHost: args.dockerHost }, options);
  }
}
