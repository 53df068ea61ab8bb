import { isRunning, lastWords, reloadContainer, restartContainer } from "../engine/containers.ts";
import { messageOf } from "../model/errors.ts";
import type { Context } from "../model/resource.ts";
import { waitFor } from "../model/wait.ts";
import { type Connection, SqlError, withFirstClient } from "../sql/connect.ts";
import {
  type PostgresState,
  postgresState,
  type SettingMismatch,
  settingMismatches,
} from "./postgres-running.ts";

type Settings = Readonly<Record<string, string>>;

/** A container and the superuser logins under which its Postgres may answer, most likely first. */
export interface LivePostgres {
  readonly containerName: string;
  readonly connections: readonly Connection[];
}

const reloadTimeoutMs = 10_000;
const restartTimeoutMs = 120_000;
/** Fast shutdown writes a checkpoint, which may take a while. */
const restartGraceSeconds = 60;

/**
 * Makes the running Postgres read its files: reload, read back, and one restart when Postgres says that only that is
 * left. Returns what it does not run as the files say, one line each.
 */
export async function applyFilesTo(
  target: LivePostgres,
  settings: Settings,
  context: Context,
): Promise<string[]> {
  const docker = await context.docker();
  await resetAltered(target, Object.keys(settings), context);
  await reloadContainer(docker, target.containerName);
  const reloaded = await waitUntilTaken(target, settings, reloadTimeoutMs, context);
  if (!onlyRestartIsLeft(reloaded)) return reloaded.lines;
  const keys = reloaded.different.map(({ key }) => key).join(", ");
  context.log.warning(`${target.containerName} is restarted: ${keys} changes only at a start`);
  await restartContainer(docker, target.containerName, restartGraceSeconds);
  return (await waitUntilTaken(target, settings, restartTimeoutMs, context)).lines;
}

/**
 * Brings the server back to its former files, which have just been put back, also when it ended on the new ones; returns
 * what it does not run of them.
 */
export async function restoreFilesTo(
  target: LivePostgres,
  settings: Settings,
  context: Context,
): Promise<string[]> {
  const docker = await context.docker();
  if (!(await isRunning(docker, target.containerName))) {
    await restartContainer(docker, target.containerName, restartGraceSeconds);
  }
  return applyFilesTo(target, settings, context);
}

/**
 * Takes back what ALTER SYSTEM has set of these: Postgres reads its file after ours, so that whatever we write would not
 * come into force. A server that does not answer has it told by the read-back.
 */
async function resetAltered(target: LivePostgres, keys: readonly string[], context: Context): Promise<void> {
  const reset = withFirstClient(target.connections, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT DISTINCT name FROM pg_file_settings
        WHERE sourcefile LIKE '%/postgresql.auto.conf' AND name = ANY($1)`,
      [keys],
    );
    for (const { name } of rows) {
      await client.query(`ALTER SYSTEM RESET ${client.escapeIdentifier(name)}`);
      context.log.warning(`${target.containerName}: ALTER SYSTEM had set ${name}; that is taken back`);
    }
  });
  await reset.catch((error: unknown) => {
    if (!(error instanceof SqlError) || !error.hasNoSession) throw error;
  });
}

/** What was found out about a server besides its files. */
export interface RunningPostgres {
  readonly settings: Record<string, string>;
  /** The superuser has another password than the one that was given: altered by hand, or by a change that was cut. */
  readonly refusesPassword: boolean;
}

/**
 * The settings as Postgres runs them, where that differs from its file (ALTER SYSTEM, or a reload that is due). What
 * differs between the file and `last` was edited in the file and stays as the file says it. A stopped or unreachable
 * server runs nothing: then the file is what counts.
 */
export async function runningPostgres(
  target: LivePostgres,
  file: Settings,
  last: Settings,
  context: Context,
): Promise<RunningPostgres> {
  const found = { settings: { ...file }, refusesPassword: false };
  if (!(await isRunning(await context.docker(), target.containerName))) return found;
  try {
    const state = await withFirstClient(target.connections, postgresState);
    const different = settingMismatches(file, state).filter(({ key }) => file[key] === last[key]);
    for (const { key, running } of different) found.settings[key] = running;
    return found;
  } catch (error) {
    context.log.warning(`only the files were compared, the server could not be asked: ${messageOf(error)}`);
    return { ...found, refusesPassword: error instanceof SqlError && error.isWrongPassword };
  }
}

interface Comparison {
  readonly different: readonly SettingMismatch[];
  /** Mistakes in the files, or the end of the server: waiting does not mend them. */
  readonly fileErrors: readonly string[];
  /** All of it, and why nothing could be read when nothing could. */
  readonly lines: string[];
}

function onlyRestartIsLeft({ different, fileErrors }: Comparison): boolean {
  return (
    fileErrors.length === 0 && different.length > 0 && different.every(({ needsRestart }) => needsRestart)
  );
}

/** Every poll is a new session: it runs what the server has taken by then, and it proves that a login still works. */
async function waitUntilTaken(
  target: LivePostgres,
  settings: Settings,
  timeoutMs: number,
  context: Context,
): Promise<Comparison> {
  const compare = async (): Promise<Comparison> => {
    let state: PostgresState;
    try {
      state = await withFirstClient(target.connections, postgresState);
    } catch (error) {
      const docker = await context.docker();
      if (await isRunning(docker, target.containerName)) {
        return { different: [], fileErrors: [], lines: [`cannot read it back: ${messageOf(error)}`] };
      }
      const ended = `the server ended: ${await lastWords(docker, target.containerName)}`;
      return { different: [], fileErrors: [ended], lines: [ended] };
    }
    const { fileErrors } = state;
    const different = settingMismatches(settings, state);
    return { different, fileErrors, lines: [...different.map(({ line }) => line), ...fileErrors] };
  };
  const isSettled = (answer: Comparison) =>
    answer.lines.length === 0 || answer.fileErrors.length > 0 || onlyRestartIsLeft(answer);
  const { last } = await waitFor(compare, isSettled, { timeoutMs, everyMs: 300, signal: context.signal });
  return last;
}
