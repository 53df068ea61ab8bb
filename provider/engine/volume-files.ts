import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import type Docker from "dockerode";
import { messageOf, UserError } from "../model/errors.ts";
import type { Context } from "../model/resource.ts";
import { hasStatus } from "./containers.ts";

/** Content and time of a file in a volume. */
export interface VolumeFile {
  readonly content: string;
  /** Seconds since 1970. */
  readonly modifiedSeconds: number;
}

/** Where the files are and who may read them. */
export interface FilesPlace {
  readonly volumeName: string;
  /** Preferred image of the helper container; any other one of the engine does as well. */
  readonly image: string;
  readonly uid: number;
  readonly gid: number;
}

/** The engine that has the volume and the stack whose volume it is. */
type Owner = Pick<Context, "docker" | "stack">;

const folder = "poolkit-files";
const helperLabel = "poolkit.helper";
/** Helpers live for a second. */
const leftOverSeconds = 60;

/** The files in the volume by name, or undefined when there is no such volume. */
export async function readVolume(
  owner: Owner,
  place: FilesPlace,
): Promise<Map<string, VolumeFile> | undefined> {
  if (!(await volumeExists(await owner.docker(), place.volumeName))) return undefined;
  return withHelper(owner, place, async (helper) => {
    const archive = await buffer(await helper.getArchive({ path: `/${folder}/.` }));
    return unpack(archive);
  });
}

/**
 * Writes files (mode 0400, owner as told) into the volume; others in it stay. Each file is whole or absent: the engine
 * removes the old one and creates the new one. The time of modification always grows, because PgBouncer decides by it
 * whether to read its user list again.
 * @throws UserError when the volume does not exist
 */
export async function writeVolume(
  owner: Owner,
  place: FilesPlace,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  if (!(await volumeExists(await owner.docker(), place.volumeName))) {
    throw new UserError(
      `volumeName: the engine has no volume ${place.volumeName}; run \`pulumi up --refresh\``,
    );
  }
  await withHelper(owner, place, async (helper) => {
    const present = unpack(await buffer(await helper.getArchive({ path: `/${folder}/.` })));
    const newest = Math.max(0, ...[...(await present).values()].map((file) => file.modifiedSeconds));
    const modifiedSeconds = Math.max(Math.floor(Date.now() / 1000), newest + 1);
    await helper.putArchive(await pack(place, files, modifiedSeconds), { path: `/${folder}` });
  });
}

/**
 * Runs `use` with a container that mounts the volume and is never started: the engine's archive calls work on it all
 * the same, whatever the image holds. Each has a name of its own, because a preview with a refresh may look while an
 * update writes; it carries the label of the stack as everything of it does.
 */
async function withHelper<T>(
  owner: Owner,
  place: FilesPlace,
  use: (helper: Docker.Container) => Promise<T>,
): Promise<T> {
  const docker = await owner.docker();
  await removeHelpers(docker, place.volumeName, leftOverSeconds);
  const helper = await createHelper(docker, owner.stack, place);
  try {
    return await use(helper);
  } finally {
    await removeHelper(helper);
  }
}

async function createHelper(docker: Docker, stack: string, place: FilesPlace): Promise<Docker.Container> {
  const options: Docker.ContainerCreateOptions = {
    name: `${place.volumeName}-files-${randomBytes(4).toString("hex")}`,
    Image: await helperImage(docker, place.image),
    Cmd: ["never-started"],
    Labels: { [helperLabel]: place.volumeName, "poolkit.stack": stack },
    HostConfig: { Binds: [`${place.volumeName}:/${folder}:nocopy`], NetworkMode: "none" },
  };
  return docker.createContainer(options).catch((error: unknown) => {
    const reason = messageOf(error);
    throw new UserError(`cannot make a helper container for volume ${place.volumeName}: ${reason}`);
  });
}

/** Removes the volume's helpers of at least this age: what a killed run has left looks like one that is at work. */
export async function removeHelpers(docker: Docker, volumeName: string, ageSeconds: number): Promise<void> {
  const helpers = await docker.listContainers({
    all: true,
    filters: { label: [`${helperLabel}=${volumeName}`] },
  });
  const newest = Date.now() / 1000 - ageSeconds;
  for (const { Id, Created } of helpers) {
    if (Created <= newest) await removeHelper(docker.getContainer(Id));
  }
}

/** With the volumes without a name that the engine has made for it where its image declares some. */
async function removeHelper(helper: Docker.Container): Promise<void> {
  await helper.remove({ force: true, v: true }).catch((error: unknown) => {
    // 404: gone, 409: somebody else is removing it.
    if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
  });
}

/** The image asked for, or any other: it is never run, and a refresh must work after the image was removed. */
async function helperImage(docker: Docker, preferred: string): Promise<string> {
  try {
    return (await docker.getImage(preferred).inspect()).Id;
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
  }
  const [any] = await docker.listImages();
  if (any === undefined) {
    throw new UserError(`image: the engine has no image ${preferred} and no other; pull or build one`);
  }
  return any.Id;
}

async function volumeExists(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getVolume(name).inspect();
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

async function pack(
  { uid, gid }: FilesPlace,
  files: Readonly<Record<string, string>>,
  modifiedSeconds: number,
): Promise<Buffer> {
  const tar = await import("tar-stream");
  const archive = tar.pack();
  for (const [name, content] of Object.entries(files)) {
    archive.entry({ name, uid, gid, mode: 0o400, mtime: new Date(modifiedSeconds * 1000) }, content);
  }
  archive.finalize();
  return buffer(archive);
}

async function unpack(archive: Buffer): Promise<Map<string, VolumeFile>> {
  const tar = await import("tar-stream");
  const files = new Map<string, VolumeFile>();
  const extract = tar.extract();
  extract.end(archive);
  for await (const entry of extract) {
    const content = await buffer(entry);
    const name = entry.header.name.replace(/^(\.|poolkit-files)?\//, "");
    if (entry.header.type !== "file" || name.includes("/")) continue;
    const modifiedSeconds = Math.floor((entry.header.mtime?.getTime() ?? 0) / 1000);
    files.set(name, { content: content.toString("utf8"), modifiedSeconds });
  }
  return files;
}
