import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import Docker from "dockerode";
import { pack } from "tar-stream";

const root = join(import.meta.dirname, "../../..");

/**
 * The image that a folder of the repository describes, built once per content.
 * @param folder relative to the root; holds a Dockerfile, has no folders
 * @param target stage of the Dockerfile; default the last one
 * @throws Error with the end of the build's log
 */
export async function projectImage(folder: string, target?: string): Promise<string> {
  const docker = new Docker();
  const files = readdirSync(join(root, folder)).sort();
  const contents = files.map((name) => ({ name, content: readFileSync(join(root, folder, name)) }));
  const hash = createHash("sha256");
  for (const { name, content } of contents) hash.update(`${name}\0`).update(content);
  const name = [folder.replaceAll("/", "-"), ...(target === undefined ? [] : [target])].join("-");
  const tag = `poolkit-test-${name}:${hash.digest("hex").slice(0, 12)}`;
  if ((await docker.listImages({ filters: { reference: [tag] } })).length > 0) return tag;
  const context = pack();
  for (const { name, content } of contents) context.entry({ name }, content);
  context.finalize();
  const buildargs = { BASE_IMAGE: process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim" };
  const progress: NodeJS.ReadableStream = await docker.buildImage(Readable.from([await buffer(context)]), {
    t: tag,
    buildargs,
    ...(target === undefined ? {} : { target }),
  });
  const log = (await buffer(progress)).toString("utf8");
  if (log.includes('"errorDetail"')) throw new Error(`building ${folder}: ${log.slice(-2000)}`);
  return tag;
}
