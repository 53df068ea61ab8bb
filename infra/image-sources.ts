import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApplicationSource, OwnApplication } from "./application.ts";
import { contextHash } from "./application-context.ts";

/** One of the kit's own images: where it is built and which files of that folder go into it. */
export interface BuildContext {
  readonly context: string;
  readonly files: readonly string[];
  /** Stage of the Dockerfile; undefined = the last one. */
  readonly target?: string;
  /** Space that a build takes at most, its stages included: half more than was measured. */
  readonly buildMegabytes: number;
}

/** One Dockerfile for three images, which share their packages. */
const observed = { context: "observability/image", files: ["Dockerfile"] };

export const imageSources = {
  postgres: { context: "postgres", files: ["Dockerfile", "entrypoint.sh"], buildMegabytes: 1_050 },
  pgbouncer: { context: "pgbouncer/image", files: ["Dockerfile"], buildMegabytes: 500 },
  app: {
    context: "app",
    files: ["Dockerfile", ".dockerignore", "dist/server.mjs", "dist/healthcheck.mjs"],
    buildMegabytes: 950,
  },
  // The stage of the packages is counted here, once: one Dockerfile changed, all three are missing.
  prometheus: { ...observed, target: "prometheus", buildMegabytes: 1_100 },
  "pgbouncer-exporter": { ...observed, target: "pgbouncer-exporter", buildMegabytes: 50 },
  "postgres-exporter": { ...observed, target: "postgres-exporter", buildMegabytes: 50 },
} satisfies Record<string, BuildContext>;

export type ImageSource = keyof typeof imageSources;
const observedImages = ["prometheus", "pgbouncer-exporter", "postgres-exporter"] as const;

/**
 * The images of a stack, by tag, with the space in MB that each takes where it is missing. An own application takes the
 * place of the reference application, and counts as much: nobody knows its size before it is pulled or built.
 */
export function imageSpace({
  baseImage,
  application,
  observability,
}: ImagesArgs): Readonly<Record<string, number>> {
  const built: ImageSource[] = ["postgres", "pgbouncer", ...(observability ? observedImages : [])];
  const own = application === undefined ? imageName("app", baseImage) : ownImageName(application.source);
  return {
    ...Object.fromEntries(
      built.map((image) => [imageName(image, baseImage), imageSources[image].buildMegabytes]),
    ),
    [own]: imageSources.app.buildMegabytes,
  };
}

export function ownImageName(source: ApplicationSource): string {
  if (source.kind === "image") return source.image;
  return `poolkit/own-app:${contextHash(source.context, source.dockerfile).slice(0, 16)}`;
}

/** Tag of an image: a hash of everything that decides what is in it. */
export function imageName(image: ImageSource, baseImage: string): string {
  return `poolkit/${image}:${contentHash(imageSources[image], baseImage).slice(0, 16)}`;
}

export interface ImagesArgs {
  readonly baseImage: string;
  /** Undefined = the reference application. */
  readonly application: OwnApplication | undefined;
  /** Whether Prometheus and its exporters run, too. */
  readonly observability: boolean;
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
