import type { PgBouncerIni } from "../../pgbouncer/render.ts";
import { isRunning, lastWords, reloadContainer, restartContainer } from "../engine/containers.ts";
import { messageOf } from "../model/errors.ts";
import type { Context } from "../model/resource.ts";
import { waitFor } from "../model/wait.ts";
import type { Connection } from "../sql/connect.ts";
import { type Mismatch, mismatches, mismatchText, readConsole } from "./pgbouncer-running.ts";

/** A container and the console logins under which its PgBouncer may answer, most likely first. */
export interface LivePgBouncer {
  readonly containerName: string;
  readonly consoles: readonly Connection[];
  /** How long a restart lets transactions end; after it the engine kills the process. */
  readonly restartGraceSeconds: number;
  /** Set by `applyIni`: PgBouncer started on the new files, which may be why its console does not answer any more. */
  restarted?: boolean;
}

const applyTimeoutMs = 10_000;
/** It listens within a second; a busy machine may take a while. */
const restartTimeoutMs = 20_000;

/**
 * Makes the running PgBouncer read its files: reload, read back, and a restart when only settings that need one are
 * left. Returns what it does not run as the file says, one line each.
 */
export async function applyIni(
  target: LivePgBouncer,
  ini: PgBouncerIni,
  commands: readonly string[],
  context: Context,
): Promise<string[]> {
  const docker = await context.docker();
  await reloadContainer(docker, target.containerName);
  const reloaded = await waitUntilTaken(target, ini, applyTimeoutMs, context);
  if (onlyRestartIsLeft(reloaded)) {
    const keys = reloaded.different.map(({ key }) => key).join(", ");
    context.log.warning(
      `${target.containerName} is restarted, its clients reconnect: ${keys} changes only at a start`,
    );
    target.restarted = true;
    await restartContainer(docker, target.containerName, target.restartGraceSeconds);
    return (await waitUntilTaken(target, ini, restartTimeoutMs, context)).lines;
  }
  if (reloaded.lines.length > 0) return reloaded.lines;
  // What the signal hides the console tells: whether PgBouncer met an error that no setting shows, e.g. in TLS.
  await readConsole(target.consoles, ["RELOAD", ...commands]);
  return [];
}

/**
 * Brings PgBouncer back to its former files, which have just been put back, also when it ended on the new ones. Returns
 * what it does not run as they say, one line each.
 */
export async function restoreIni(
  target: LivePgBouncer,
  ini: PgBouncerIni,
  context: Context,
): Promise<string[]> {
  const docker = await context.docker();
  if (!(await isRunning(docker, target.containerName))) {
    await restartContainer(docker, target.containerName, target.restartGraceSeconds);
  }
  await reloadContainer(docker, target.containerName);
  const restored = await waitUntilTaken(target, ini, applyTimeoutMs, context);
  const isDeaf = target.restarted === true && nothingIsRead(restored);
  if (!onlyRestartIsLeft(restored) && !isDeaf) return restored.lines;
  await restartContainer(docker, target.containerName, target.restartGraceSeconds);
  return (await waitUntilTaken(target, ini, restartTimeoutMs, context)).lines;
}

/**
 * What PgBouncer runs, where that differs from its file (somebody used SET). What differs between the file and `last`
 * was edited in the file and stays as the file says it: PgBouncer runs the former value until its next reload. A
 * stopped or unreachable PgBouncer runs nothing: then the file is what counts.
 */
export async function runningIni(
  target: LivePgBouncer,
  file: PgBouncerIni,
  last: PgBouncerIni,
  context: Context,
): Promise<PgBouncerIni> {
  if (!(await isRunning(await context.docker(), target.containerName))) return file;
  const running = await readConsole(target.consoles).catch((error: unknown) => {
    context.log.warning(`only the files were compared, the console does not answer: ${messageOf(error)}`);
    return undefined;
  });
  if (running === undefined) return file;
  const ini = {
    settings: { ...file.settings },
    databases: { ...file.databases },
    users: { ...file.users },
    peers: { ...file.peers },
  };
  for (const { section, entry, key, wanted, running: value = "(absent)" } of mismatches(file, running)) {
    const before = section === "settings" ? last.settings[key] : last[section][entry]?.[key];
    if (before !== wanted) continue;
    if (section === "settings") ini.settings[key] = value;
    else ini[section][entry] = { ...ini[section][entry], [key]: value };
  }
  return ini;
}

interface Comparison {
  readonly different: readonly Mismatch[];
  /** The same in words, or why nothing could be read. */
  readonly lines: string[];
  /** PgBouncer has ended: waiting does not mend that. */
  readonly ended: boolean;
}

function onlyRestartIsLeft({ different }: Comparison): boolean {
  return different.length > 0 && different.every(({ change }) => change === "restart");
}

function nothingIsRead({ different, lines }: Comparison): boolean {
  return different.length === 0 && lines.length > 0;
}

/** SIGHUP says nothing about its outcome: the console is asked until it shows the file or the time is over. */
async function waitUntilTaken(
  target: LivePgBouncer,
  ini: PgBouncerIni,
  timeoutMs: number,
  context: Context,
): Promise<Comparison> {
  const compare = async (): Promise<Comparison> => {
    try {
      const different = mismatches(ini, await readConsole(target.consoles));
      return { different, lines: different.map(mismatchText), ended: false };
    } catch (error) {
      const docker = await context.docker();
      const ended = !(await isRunning(docker, target.containerName));
      const line = ended
        ? `PgBouncer ended: ${await lastWords(docker, target.containerName)}`
        : `cannot read it back from the console: ${messageOf(error)}`;
      return { different: [], lines: [line], ended };
    }
  };
  const isSettled = (answer: Comparison) =>
    answer.lines.length === 0 || answer.ended || onlyRestartIsLeft(answer);
  const { last } = await waitFor(compare, isSettled, { timeoutMs, everyMs: 200, signal: context.signal });
  return last;
}
