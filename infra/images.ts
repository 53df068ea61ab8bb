import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { OwnApplication } from "./application.ts";
import {
  type BuildContext,
  type ImageSource,
  type ImagesArgs,
  imageName,
  imageSources,
  ownImageName,
} from "./image-sources.ts";

/** The images of Prometheus and its exporters. */
export interface ObservabilityImages {
  readonly prometheus: pulumi.Output<string>;
  readonly pgbouncerExporter: pulumi.Output<string>;
  readonly postgresExporter: pulumi.Output<string>;
}

/**
 * The images a stack runs, built on the engine. A changed source makes a new tag and so a new container.
 *
 * Containers name their image by this tag, never by its id: two stacks that build the same sources at the same moment
 * give the tag one id after the other, and every container of the first would be replaced at the next refresh.
 */
export class Images extends pulumi.ComponentResource {
  readonly postgres: pulumi.Output<string>;
  readonly pgbouncer: pulumi.Output<string>;
  readonly app: pulumi.Output<string>;
  /** Undefined where `poolkit:observability` is off. */
  readonly observability: ObservabilityImages | undefined;

  constructor(name: string, args: ImagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:Images", name, {}, opts);
    const build = (image: ImageSource) => {
      const imageTag = imageName(image, args.baseImage);
      const source: BuildContext = imageSources[image];
      const built = new docker.RemoteImage(
        `${name}-${image}`,
        {
          name: imageTag,
          // Other stacks on the same engine run the same image.
          keepLocally: true,
          build: {
            context: source.context,
            target: source.target,
            buildArgs: { BASE_IMAGE: args.baseImage },
          },
        },
        { parent: this },
      );
      return built.name;
    };
    this.postgres = build("postgres");
    this.pgbouncer = build("pgbouncer");
    this.app = args.application === undefined ? build("app") : this.#own(`${name}-app`, args.application);
    this.observability = args.observability
      ? {
          prometheus: build("prometheus"),
          pgbouncerExporter: build("pgbouncer-exporter"),
          postgresExporter: build("postgres-exporter"),
        }
      : undefined;
    this.registerOutputs({ postgres: this.postgres, pgbouncer: this.pgbouncer, app: this.app });
  }

  /** An image that the engine has is taken as it is; another one is pulled, or built from its folder. */
  #own(resourceName: string, { source }: OwnApplication): pulumi.Output<string> {
    const build =
      source.kind === "image" ? undefined : { context: source.context, dockerfile: source.dockerfile };
    const image = { name: ownImageName(source), keepLocally: true, build };
    return new docker.RemoteImage(resourceName, image, { parent: this }).name;
  }
}
