import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ApplicationSource, OwnApplication } from "./application.ts";
import { contextHash } from "./application-context.ts";

/** One of the kit's own images: where it is built and which files of that folder go into it. */
interface BuildContext {
  readonly context: string;
  readonly files: readonly string[];
  /** Stage of the Dockerfile; undefined = the last one. */
  readonly target?: string;
}

/** One Dockerfile for three images, which share their packages. */
const observed = { context: "observability/image", files: ["Dockerfile"] };

const sources = {
  postgres: { context: "postgres", files: ["Dockerfile", "entrypoint.sh"] },
  pgbouncer: { context: "pgbouncer/image", files: ["Dockerfile"] },
  app: { context: "app", files: ["Dockerfile", ".dockerignore", "dist/server.mjs", "dist/healthcheck.mjs"] },
  prometheus: { ...observed, target: "prometheus" },
  "pgbouncer-exporter": { ...observed, target: "pgbouncer-exporter" },
  "postgres-exporter": { ...observed, target: "postgres-exporter" },
} satisfies Record<string, BuildContext>;

type ImageSource = keyof typeof sources;
const observedImages = ["prometheus", "pgbouncer-exporter", "postgres-exporter"] as const;

/** The images that the kit builds for a stack; an own application takes the place of the reference application. */
export function imageNames({ baseImage, application, observability }: ImagesArgs): string[] {
  const own = application === undefined ? imageName("app", baseImage) : ownImageName(application.source);
  const built: ImageSource[] = ["postgres", "pgbouncer", ...(observability ? observedImages : [])];
  return [...built.map((image) => imageName(image, baseImage)), own];
}

function ownImageName(source: ApplicationSource): string {
  if (source.kind === "image") return source.image;
  return `poolkit/own-app:${contextHash(source.context, source.dockerfile).slice(0, 16)}`;
}

/** Tag of an image: a hash of everything that decides what is in it. */
function imageName(image: ImageSource, baseImage: string): string {
  return `poolkit/${image}:${contentHash(sources[image], baseImage).slice(0, 16)}`;
}

/**
 * Bundles the reference application on the host, because a build container has neither npm nor the host's trust. Does
 * nothing when the sources are those of the last bundle.
 */
export async function bundleApplication(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [join("app", "build.mjs")]);
  } catch (error) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new pulumi.RunError(`poolkit: the application does not build (npm run build:app):\n${output}`);
  }
}

export interface ImagesArgs {
  readonly baseImage: string;
  /** Undefined = the reference application. */
  readonly application: OwnApplication | undefined;
  /** Whether Prometheus and its exporters run, too. */
  readonly observability: boolean;
}

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
      const source: BuildContext = sources[image];
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

/** Hash of everything that decides what is in an image, each part followed by a NUL so that no two can run together. */
function contentHash(source: BuildContext, baseImage: string): string {
  const hash = createHash("sha256").update(baseImage).update("\0");
  // Only where there is one, so that the tags of images without stages stay as they are.
  if (source.target !== undefined) hash.update(source.target).update("\0");
  for (const file of source.files) {
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(source.context, file)))
      .update("\0");
  }
  return hash.digest("hex");
}
