import { readFile } from "node:fs/promises";
import type { PrismaPg } from "@prisma/adapter-pg";
import type { SchemaEngine } from "@prisma/schema-engine-wasm";
import type { Connection } from "../sql/connect.ts";
import { type TransactionRecord, transactionRecord, withMark } from "./database.ts";
import type { Migration } from "./folder.ts";
import { endsTransactions } from "./transaction-words.ts";

/** Prisma's schema engine on a database. */
export interface MigrationEngine {
  readonly engine: SchemaEngine;
  /** Postgres' own words about the last script that failed. */
  scriptError(): ScriptError | undefined;
}

/** A failed script. */
export interface ScriptError {
  readonly message: string;
  /** 1-based offset in the script in characters (not UTF-16 units), when Postgres names one. */
  readonly position: number | undefined;
  /** The deployment was cancelled, the script is not to blame. */
  readonly isCancelled: boolean;
}

/** How a script that runs is ended. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Cancels what the backend `pid` runs now; from another session. */
  cancel(pid: number): Promise<void>;
}

/** Where the migrations go. */
export interface MigrationTarget {
  readonly connection: Connection;
  readonly schema: string;
  /** Whatever else the engine runs is its own. */
  readonly migrations: readonly Migration[];
}

/** A script ends so long after its deployment was killed, also while it waits for a lock. */
const clientCheckInterval = "2s";
const cancelEveryMs = 500;

/** Only the dialect matters to `applyMigrations`. */
const datamodel = 'datasource db {\n  provider = "postgresql"\n}\n';

/**
 * Runs `use` with Prisma's schema engine (WebAssembly, no native binary) on one connection of its own, whose
 * `search_path` is the schema.
 */
export async function withMigrationEngine<T>(
  { connection, schema, migrations }: MigrationTarget,
  interruption: Interruption,
  use: (engine: MigrationEngine) => Promise<T>,
): Promise<T> {
  const { PrismaPg: Adapter } = await import("@prisma/adapter-pg");
  const { bindMigrationAwareSqlAdapterFactory } = await import("@prisma/driver-adapter-utils");
  const { default: pg } = await import("pg");
  const quotedSchema = pg.escapeIdentifier(schema).replaceAll(/([\\ ])/g, "\\$1");
  const config = {
    ...connection,
    ssl: false,
    // One connection: the engine's session lock and its statements must meet in one session.
    max: 1,
    application_name: "poolkit-migrations",
    connectionTimeoutMillis: 10_000,
    options: `-c search_path=${quotedSchema} -c client_connection_check_interval=${clientCheckInterval}`,
  };
  let lastError: ScriptError | undefined;
  const factory = new Adapter(config, { schema });
  const connect = factory.connect.bind(factory);
  const adapters: PgAdapter[] = [];
  const recorded = migrations.filter(({ script }) => !endsTransactions(script));
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = (query) => {
      const isBegin = recorded.some(({ checksum }) => query.args.includes(checksum));
      return queryRaw(isBegin ? { ...query, sql: withMark(query.sql) } : query);
    };
    adapter.executeScript = async (script) => {
      try {
        const isRecorded = recorded.some((one) => one.script === script);
        const record = isRecorded ? transactionRecord(schema) : undefined;
        await runWhole(adapter.underlyingDriver(), script, record, interruption);
      } catch (error) {
        lastError = scriptErrorOf(error, interruption.signal.aborted);
        throw error;
      }
    };
    adapters.push(adapter);
    return adapter;
  };
  const { SchemaEngine: Engine } = await loadEngine();
  const engine = await Engine.new(
    { datamodels: [["schema.prisma", datamodel]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  );
  try {
    return await use({ engine, scriptError: () => lastError });
  } finally {
    engine.free();
    // The engine leaves its session open, and with it Prisma's own lock.
    await Promise.all(adapters.map((adapter) => adapter.dispose()));
  }
}

type PgAdapter = Awaited<ReturnType<PrismaPg["connect"]>>;
type DriverPool = ReturnType<PgAdapter["underlyingDriver"]>;

/**
 * Sends a script whole. The adapter would cut it at every semicolon, also inside functions and texts, and a failure in the
 * middle would leave the first half behind; sent whole, Postgres runs it as one transaction, with the record of its end.
 */
async function runWhole(
  pool: DriverPool,
  script: string,
  record: TransactionRecord | undefined,
  interruption: Interruption,
): Promise<void> {
  const { rowCount } = record === undefined ? { rowCount: 0 } : await pool.query(record.mark);
  if (record === undefined || rowCount !== 1) {
    await runInterruptibly(pool, script, interruption);
  } else {
    // The script may end in a comment, or without a semicolon.
    const withRecord = runInterruptibly(pool, `${script}\n;\n${record.end}`, interruption);
    await withRecord.catch(async (error: unknown) => {
      if (!needsNoTransaction(error)) throw error;
      await pool.query(record.unmark);
      await runInterruptibly(pool, script, interruption);
    });
  }
  await refuseOpenTransaction(pool);
  // A pg_dump leaves its session without one, and the engine would not find its own table any more.
  await pool.query("RESET search_path");
}

/**
 * What runs only as the one statement of its script (REINDEX SCHEMA, ALTER SYSTEM, a block whose procedure commits) and what
 * forbids the record (READ ONLY): nothing of it was done, and by itself it may run.
 */
function needsNoTransaction(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && ["25001", "2D000", "25006"].includes(String(error.code))
  );
}

function scriptErrorOf(error: unknown, isCancelled: boolean): ScriptError {
  const position = error instanceof Error && "position" in error ? Number(error.position) : undefined;
  return { message: error instanceof Error ? error.message : String(error), position, isCancelled };
}

/**
 * What a script did in a transaction that it did not end would go with the session, and with it the record that it was
 * applied: everything would end well, and nothing be there.
 */
async function refuseOpenTransaction(pool: DriverPool): Promise<void> {
  // Outside of a transaction every statement begins one of its own.
  const { rows } = await pool.query<{ open: boolean }>(
    "SELECT transaction_timestamp() <> statement_timestamp() AS open",
  );
  if (!rows[0]?.open) return;
  await pool.query("ROLLBACK");
  throw new Error("it leaves its transaction open, so that was rolled back; end it with COMMIT");
}

/** Runs a script, and cancels it in the database as soon as the signal is aborted: else it would go on without us. */
async function runInterruptibly(
  pool: DriverPool,
  script: string,
  { signal, cancel }: Interruption,
): Promise<void> {
  signal.throwIfAborted();
  // The pool has one connection, so that is the one the script will run on.
  const [session] = (await pool.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows;
  const pid = session?.pid ?? 0;
  let cancelled = Promise.resolve();
  // Again until it has ended: a cancel that comes before the script has begun is without effect.
  const timer = setInterval(() => {
    if (signal.aborted) cancelled = cancelled.then(() => cancel(pid)).catch(() => {});
  }, cancelEveryMs);
  try {
    await pool.query(script);
  } finally {
    clearInterval(timer);
    // One that is still on its way must not meet the next statement.
    await cancelled;
  }
}

type EngineModule = typeof import("@prisma/schema-engine-wasm/schema_engine_bg");
let loaded: Promise<EngineModule> | undefined;

/** Once per process: the glue code holds one instance, and an engine that is being freed still runs in it. */
function loadEngine(): Promise<EngineModule> {
  loaded ??= instantiate();
  return loaded;
}

/** The package's own entry imports WebAssembly as a module, which Node.js does not do without a flag. */
async function instantiate(): Promise<EngineModule> {
  const glue = await import("@prisma/schema-engine-wasm/schema_engine_bg");
  const file = new URL(
    "./schema_engine_bg.wasm",
    import.meta.resolve("@prisma/schema-engine-wasm/schema_engine_bg"),
  );
  const { instance } = await WebAssembly.instantiate(await readFile(file), { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  const start = instance.exports.__wbindgen_start;
  if (typeof start === "function") start();
  return glue;
}
