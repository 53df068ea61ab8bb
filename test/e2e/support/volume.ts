import { buffer } from "node:stream/consumers";
import { extract, pack } from "tar-stream";
import { engine } from "./engine.ts";
import type { TestStack } from "./stack.ts";

/** A file of a running container. */
export async function getFile(
  stack: TestStack,
  component: "postgres" | "pgbouncer" | "app",
  path: string,
): Promise<string> {
  const archive = extract();
  archive.end(await buffer(await stack.container(component).getArchive({ path })));
  for await (const entry of archive) return (await buffer(entry)).toString();
  throw new Error(`${component} has no ${path}`);
}

/**
 * Overwrites a file in a configuration volume, as somebody with access to the engine could: through a container that
 * is never started, because the stack's own containers mount the volume read-only.
 */
export async function putFile(
  stack: TestStack,
  component: "postgres" | "pgbouncer" | "app",
  path: string,
  content: string,
  owner: number,
): Promise<void> {
  const { Image } = await stack.container(component).inspect();
  const directory = path.slice(0, path.lastIndexOf("/"));
  const helper = await engine.createContainer({
    Image,
    Labels: { "poolkit.stack": stack.name },
    HostConfig: { Binds: [`poolkit-${stack.name}-${component}-config:${directory}`] },
  });
  try {
    const archive = pack();
    archive.entry({ name: path.slice(directory.length + 1), mode: 0o400, uid: owner, gid: owner }, content);
    archive.finalize();
    await helper.putArchive(await buffer(archive), { path: directory });
  } finally {
    await helper.remove();
  }
}
