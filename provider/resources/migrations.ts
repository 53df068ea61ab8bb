import type { Client } from "pg";
import { appliedMigrations, isIdle, markRolledBack, tryLock } from "../migrations/database.ts";
import { type Interruption, type ScriptError, withMigrationEngine } from "../migrations/engine.ts";
import { type Migration, pathInCheckout, readMigrations } from "../migrations/folder.ts";
import { historyProblem, leftNothing, unknownTo } from "../migrations/history.ts";
import { endsTransactions } from "../migrations/transaction-words.ts";
import { messageOf, PartialFailure, UserError } from "../model/errors.ts";
import type { Context, Resource } from "../model/resource.ts";
import { object, optional, record, type Shaped, text } from "../model/shape.ts";
import { waitFor } from "../model/wait.ts";
import { connectionShape, SqlError, withClient } from "../sql/connect.ts";

const inputs = object({
  connection: connectionShape,
  readConnection: optional(connectionShape),
  schema: text(),
  directory: text(),
  migrations: record(text()),
});
type Inputs = Shaped<typeof inputs>;

const lockTimeoutMs = 600_000;

/** `poolkit:index:Migrations`; see the class in provider/sdk for what it promises. */
export const migrations: Resource<Inputs, Record<string, never>> = {
  inputs,
  defaults: {},
  replaceOn: ["schema", "connection.database"],
  ignore: ["connection", "readConnection", "directory"],
  id: ({ connection, schema }) => `${connection.database}/${schema}`,
  plan: () => ({}),
  create: (wanted, context) => migrate(wanted, context),
  update: (wanted, _, context) => migrate(wanted, context),
  // Data are never dropped: whoever wants that removes the volume.
  delete: async () => {},

  async read(last, _, context) {
    const login = last.readConnection ?? last.connection;
    try {
      const applied = await withClient(login, (client) => appliedMigrations(client, last.schema));
      const finished = new Map(
        applied.filter((one) => !one.isUnfinished).map((one) => [one.name, one.checksum]),
      );
      const found = Object.keys(last.migrations).flatMap((name): [string, string][] => {
        const checksum = finished.get(name);
        return checksum === undefined ? [] : [[name, checksum]];
      });
      return { inputs: { ...last, migrations: Object.fromEntries(found) }, outputs: {} };
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      if (error.isMissingDatabase) return undefined;
      if (!error.hasNoSession) throw error;
      context.log.warning(
        `migrations were not compared: ${error.message}; \`pulumi up --refresh\` does when this login works`,
      );
      return { inputs: last, outputs: {} };
    }
  },
};

async function migrate(wanted: Inputs, context: Context): Promise<Record<string, never>> {
  const folder = await readMigrations(wanted.directory);
  // The lock is held by the session: a killed deployment frees it.
  await withClient(
    wanted.connection,
    async (client) => {
      await waitForLock(client, context);
      await forgetCut(folder, wanted.schema, client, context);
      const before = await appliedMigrations(client, wanted.schema);
      const problem = historyProblem(folder, before);
      if (problem !== undefined) throw new UserError(problem);
      const foreign = unknownTo(folder, before);
      if (foreign.length > 0) {
        context.log.warning(
          `the database has migrations that this checkout does not have: ${foreign.join(", ")}`,
        );
      }
      const applied = new Set(before.map(({ name }) => name));
      if (folder.every(({ name }) => applied.has(name))) return;
      await applyPending(wanted, folder, client, context);
    },
    // A migration may take as long as it takes.
    { query_timeout: 0 },
  );
  return {};
}

async function waitForLock(client: Client, context: Context): Promise<void> {
  let isTold = false;
  let isLocked = false;
  const poll = async () => {
    // The lock counts how often a session takes it.
    isLocked ||= await tryLock(client);
    const isFree = isLocked && (await isIdle(client));
    if (!isFree && !isTold) context.log.info("waiting: another deployment is migrating this database");
    isTold ||= !isFree;
    return isFree;
  };
  const { done } = await waitFor(poll, (isFree) => isFree, {
    timeoutMs: lockTimeoutMs,
    everyMs: 500,
    signal: context.signal,
  });
  if (!done)
    throw new UserError(
      "another deployment has been migrating this database for 10 minutes; try again later",
    );
}

/** What an earlier deployment began, was cut at, and left nothing of, is as if it had not begun. */
async function forgetCut(
  folder: readonly Migration[],
  schema: string,
  client: Client,
  context: Context,
): Promise<void> {
  const applied = await appliedMigrations(client, schema);
  for (const { name } of applied.filter((migration) => leftNothing(migration, folder))) {
    context.log.info(
      `${name}: an earlier deployment was cut in it and nothing of it was kept; it runs again`,
    );
    await markRolledBack(client, schema, name);
  }
}

async function applyPending(
  wanted: Inputs,
  folder: readonly Migration[],
  client: Client,
  context: Context,
): Promise<void> {
  const interruption: Interruption = {
    signal: context.signal,
    cancel: async (pid) => void (await client.query("SELECT pg_cancel_backend($1)", [pid])),
  };
  const { connection, schema } = wanted;
  await withMigrationEngine(
    { connection, schema, migrations: folder },
    interruption,
    async ({ engine, scriptError }) => {
      try {
        const { appliedMigrationNames } = await engine.applyMigrations({
          migrationsList: migrationsList(wanted.directory, folder),
          filters: { externalTables: [], externalEnums: [] },
        });
        context.log.info(`migrations applied: ${appliedMigrationNames.join(", ")}`);
      } catch (error) {
        const failure = await failureOf(error, scriptError(), wanted, folder, client);
        // Of what is cancelled Pulumi says only that.
        if (context.signal.aborted) context.log.warning(failure.message);
        throw failure;
      }
    },
  );
}

/** The failure in words, with how far the database got; a script that left nothing behind may be corrected and run again. */
async function failureOf(
  error: unknown,
  reason: ScriptError | undefined,
  wanted: Inputs,
  folder: readonly Migration[],
  client: Client,
): Promise<UserError> {
  const applied = await appliedMigrations(client, wanted.schema);
  const done = applied.filter((one) => !one.isUnfinished).map(({ name, checksum }) => [name, checksum]);
  const unfinished = applied.find((one) => one.isUnfinished);
  const script = folder.find(({ name }) => name === unfinished?.name)?.script;
  if (unfinished === undefined || script === undefined || reason === undefined) {
    return new UserError(`migrations failed: ${messageOf(error)}`);
  }
  const characters = [...script];
  // Past its end stands the record of it.
  const isInScript = reason.position !== undefined && reason.position <= characters.length;
  const line = isInScript && characters.slice(0, reason.position).join("").split("\n").length;
  const place = line ? ` line ${line}` : "";
  const isWhole = !endsTransactions(script);
  if (isWhole) await markRolledBack(client, wanted.schema, unfinished.name);
  const next = isWhole
    ? `nothing of it was kept: ${reason.isCancelled ? "" : "correct it and "}run \`pulumi up\` again`
    : "it controls transactions itself, so parts of it may be in the database: look, then run `prisma migrate resolve`";
  return new PartialFailure(
    `migration ${unfinished.name} failed (${wanted.directory}/${unfinished.name}/migration.sql${place}): ${reason.message}; ${next}`,
    { migrations: Object.fromEntries(done) },
  );
}

function migrationsList(directory: string, folder: readonly Migration[]) {
  return {
    baseDir: pathInCheckout(directory),
    lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
    shadowDbInitScript: "",
    migrationDirectories: folder.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: "migration.sql", content: { tag: "ok" as const, value: script } },
    })),
  };
}
