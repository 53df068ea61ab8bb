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
}

const sources = {
  postgres: { context: "postgres", files: ["Dockerfile", "entrypoint.sh"] },
  pgbouncer: { context: "pgbouncer/image", files: ["Dockerfile"] },
  app: { context: "app", files: ["Dockerfile", ".dockerignore", "dist/server.mjs", "dist/healthcheck.mjs"] },
} satisfies Record<string, BuildContext>;

type ImageSource = keyof typeof sources;

/** The images that the kit builds for a stack; an own application takes the place of the reference application. */
export function imageNames(baseImage: string, application: OwnApplication | undefined): string[] {
  const own = application === undefined ? imageName("app", baseImage) : ownImageName(application.source);
  return [imageName("postgres", baseImage), imageName("pgbouncer", baseImage), own];
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

  constructor(name: string, args: ImagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:Images", name, {}, opts);
    const build = (image: ImageSource) => {
      const imageTag = imageName(image, args.baseImage);
      const built = new docker.RemoteImage(
        `${name}-${image}`,
        {
          name: imageTag,
          // Other stacks on the same engine run the same image.
          keepLocally: true,
          build: { context: sources[image].context, buildArgs: { BASE_IMAGE: args.baseImage } },
        },
        { parent: this },
      );
      return built.name;
    };
    this.postgres = build("postgres");
    this.pgbouncer = build("pgbouncer");
    this.app = args.application === undefined ? build("app") : this.#own(`${name}-app`, args.application);
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
  for (const file of source.files) {
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(source.context, file)))
      .update("\0");
  }
  return hash.digest("hex");
}
