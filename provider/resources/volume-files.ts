import { createHash } from "node:crypto";
import { isRunning } from "../engine/containers.ts";
import { type FilesPlace, readVolume, writeVolume } from "../engine/volume-files.ts";
import { messageOf, UserError } from "../model/errors.ts";
import type { Context } from "../model/resource.ts";
import { integer, name } from "../model/shape.ts";

/** Inputs that every resource has which puts files into a container's volume. */
export const placeFields = {
  volumeName: name,
  containerName: name,
  image: name,
  uid: integer(0, 4_294_967_294),
  gid: integer(0, 4_294_967_294),
};

/** A place for files and the container that reads them. */
export interface Target extends FilesPlace {
  readonly containerName: string;
}

/** Files by name; names are sorted wherever the order matters. */
export type Files = Readonly<Record<string, string>>;

/** SHA-256 (hex) over names and contents, in the order of names. */
export function filesDigest(files: Files): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(files).sort()) hash.update(`${name}\0${files[name]}\0`);
  return hash.digest("hex");
}

/** How a running container takes new files. */
export interface Application {
  /** Makes the process read its files and says, one line each, what it does not run as wanted. */
  apply(): Promise<string[]>;
  /** Makes the process read the former files again, which have just been put back. */
  restore(): Promise<void>;
}

/**
 * Writes the files and has the running container apply them; without a running container the files are all there is
 * to do. When they are not taken, the former files return.
 * @throws UserError naming what was not taken
 */
export async function applyFiles(
  target: Target,
  files: Files,
  application: Application,
  context: Context,
): Promise<void> {
  const former = await readVolume(context, target);
  await writeVolume(context, target, files);
  if (!(await isRunning(await context.docker(), target.containerName))) return;
  const refused = await application.apply().catch((error: unknown) => {
    context.signal.throwIfAborted();
    return [messageOf(error)];
  });
  if (refused.length === 0) return;
  const formerFiles = Object.keys(files).flatMap((name): [string, string][] => {
    const content = former?.get(name)?.content;
    return content === undefined ? [] : [[name, content]];
  });
  const canReturn =
    formerFiles.length === Object.keys(files).length && formerFiles.some(([, content]) => content !== "");
  if (canReturn) {
    await writeVolume(context, target, Object.fromEntries(formerFiles));
    await application.restore();
  }
  const outcome = canReturn
    ? "the former configuration is back"
    : "there was no former configuration to return to";
  throw new UserError(
    `${target.containerName} did not take the new configuration (${outcome}):\n${refused.map((line) => `  ${line}`).join("\n")}`,
  );
}

/** The named files in the volume (absent ones empty); undefined when the volume or all of them are gone. */
export async function readFiles(
  target: Target,
  names: readonly string[],
  context: Context,
): Promise<Record<string, string> | undefined> {
  const present = await readVolume(context, target);
  if (present === undefined || !names.some((name) => present.get(name)?.content)) return undefined;
  return Object.fromEntries(names.map((name) => [name, present.get(name)?.content ?? ""]));
}

/** Empties the files, so that no secret outlives the resource in a volume that is kept. A volume that is gone is fine. */
export async function emptyFiles(target: Target, names: readonly string[], context: Context): Promise<void> {
  if ((await readVolume(context, target)) === undefined) return;
  await writeVolume(context, target, Object.fromEntries(names.map((name) => [name, ""])));
}
