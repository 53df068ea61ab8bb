import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type Docker from "dockerode";
import { pack } from "tar-stream";

/** A tar archive of text files, all readable by every user. */
export async function textArchive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o644 }, content);
  tar.finalize();
  return await buffer(tar);
}

/**
 * Builds an image from a Dockerfile text on first use and keeps it under a tag that follows from that text.
 * Returns the tag. Throws with the engine's message when the build fails.
 */
export async function ensureTestImage(
  docker: Docker,
  name: string,
  dockerfile: string,
  options: Pick<Docker.ImageBuildOptions, "target" | "buildargs"> = {},
): Promise<string> {
  const tag = `${name}:${createHash("sha256").update(dockerfile).digest("hex").slice(0, 12)}`;
  const isPresent = await docker
    .getImage(tag)
    .inspect()
    .then(
      () => true,
      (error: { statusCode?: number }) => {
        if (error.statusCode === 404) return false;
        throw error;
      },
    );
  if (isPresent) return tag;
  const context = Readable.from([await textArchive({ Dockerfile: dockerfile })]);
  const progress: NodeJS.ReadableStream = await docker.buildImage(context, {
    ...options,
    t: tag,
    forcerm: true,
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error: Error | null, events: { error?: string }[]) => {
      const failure = error?.message ?? events.find((event) => event.error !== undefined)?.error;
      if (failure === undefined) resolve();
      else reject(new Error(`the test image ${name} could not be built: ${failure}`));
    });
  });
  return tag;
}
