import type * as pulumi from "@pulumi/pulumi";

/** What the resources have in common that put files into a container's configuration volume, or read them there. */
export interface VolumeFilesArgs {
  /** Docker volume that receives the files. It must exist. A change replaces the resource, not the volume. */
  volumeName: pulumi.Input<string>;
  /**
   * Container that reads the files. It may be absent (first `up`) or stopped: then the files are written and
   * nothing is signalled. A change replaces the resource.
   */
  containerName: pulumi.Input<string>;
  /**
   * Any image of the engine: the helper container through which files reach the volume is made from it and is
   * never started. A change has no effect on what is deployed.
   */
  image: pulumi.Input<string>;
  /** Numeric owner of the files inside the container. A change rewrites the files, live. */
  uid: pulumi.Input<number>;
  /** Numeric group of the files inside the container. A change rewrites the files, live. */
  gid: pulumi.Input<number>;
}
