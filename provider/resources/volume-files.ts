import { createHash } from "node:crypto";
import { isPaused, isRunning } from "../engine/containers.ts";
import { type FilesPlace, readVolume, removeHelpers, writeVolume } from "../engine/volume-files.ts";
import { messageOf, PartialFailure, UserError } from "../model/errors.ts";
import type { Context } from "../model/resource.ts";
import { integer, name } from "../model/shape.ts";
import type { PlainMap } from "../protocol/secrets.ts";

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

/**
 * What a refresh says of files: the digest of those that the last update had taken over, else nothing. Others may be edited,
 * or come from an update that was killed before its process read them; whatever is wanted, the next one has them read.
 */
export function digestTaken(files: Files, last: string | undefined): string {
  const found = filesDigest(files);
  return last === undefined || last === found ? found : "";
}

/** How a running container takes new files. */
export interface Application {
  /** Makes the process read its files and says, one line each, what it does not run as wanted. */
  apply(): Promise<string[]>;
  /** Makes the process read the former files again, which have just been put back; says the same of them. */
  restore(): Promise<string[]>;
  /** Inputs that say in the state what is left to do when `apply` is cancelled. @default nothing but looking again */
  readonly whenCancelled?: PlainMap;
}

/**
 * Writes the files and has the running container apply them; without a running container the files are all there is
 * to do. When they are not taken, the former files return.
 * @throws UserError naming what was not taken
 * @throws PartialFailure when it is cancelled before it was seen whether they were taken: they stay, and so they must in
 * the state, or going back to the former ones would look like no change
 */
export async function applyFiles(
  target: Target,
  files: Files,
  application: Application,
  context: Context,
): Promise<void> {
  const { containerName } = target;
  if (await isPaused(await context.docker(), containerName)) {
    throw new UserError(
      `${containerName} is paused and would go on with its former configuration: \`docker unpause ${containerName}\`, then run \`pulumi up\` again`,
    );
  }
  const former = await readVolume(context, target);
  await writeVolume(context, target, files);
  if (!(await isRunning(await context.docker(), containerName))) return;
  const refused = await application.apply().catch((error: unknown) => [messageOf(error)]);
  if (refused.length === 0) return;
  // Nobody waited to its end for what was refused.
  if (context.signal.aborted) {
    const cancelled = `${containerName}: cancelled before its new configuration was read back`;
    const next = "the next `pulumi up` looks again";
    throw new PartialFailure(`${cancelled}; ${next}`, application.whenCancelled);
  }
  // A file cannot be removed through the engine: one that was not there is emptied.
  const formerFiles = Object.keys(files).map((name) => [name, former?.get(name)?.content ?? ""] as const);
  const outcome = formerFiles.some(([, content]) => content !== "")
    ? await putBack(target, Object.fromEntries(formerFiles), application, context)
    : "there was no former configuration to return to";
  throw new UserError(
    `${containerName} did not take the new configuration (${outcome}):\n${refused.map((line) => `  ${line}`).join("\n")}`,
  );
}

/** Returns how that went, in words. */
async function putBack(
  target: Target,
  former: Files,
  application: Application,
  context: Context,
): Promise<string> {
  await writeVolume(context, target, former);
  const left = await application.restore().catch((error: unknown) => [messageOf(error)]);
  return left.length === 0
    ? "the former configuration is back"
    : `the former files are back, but not all of what runs: ${left.join("; ")}`;
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

/**
 * Empties the files, so that no secret outlives the resource in a volume that is kept. A volume that is gone is fine. No
 * helper stays, however young: the volume may be removed next.
 */
export async function emptyFiles(target: Target, names: readonly string[], context: Context): Promise<void> {
  if ((await readVolume(context, target)) === undefined) return;
  await writeVolume(context, target, Object.fromEntries(names.map((name) => [name, ""])));
  await removeHelpers(await context.docker(), target.volumeName, 0);
}
