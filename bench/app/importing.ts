import { execFile } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { AppDatabase } from "../../test/support/app-database.ts";
import { alternate, median, ratio, row, seconds } from "../deploy/measure.ts";

const ROWS = 100_000;
/** A session of a few sentences. */
const TRANSCRIPT = "user: Where is my parcel? assistant: It left the depot this morning. ".repeat(3).trim();

/**
 * Rows per second of the application's importer, next to what Postgres' own COPY does with the same rows, tables and
 * indexes: the limit. The importer parses and checks every row; COPY reads what Postgres itself has written.
 */
export async function compareImport(
  rounds: number,
  database: AppDatabase,
  environment: Record<string, string>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "poolkit-bench-"));
  const file = join(folder, "sessions.csv");
  const cpuSeconds: number[] = [];
  try {
    await pipeline(Readable.from(lines()), createWriteStream(file));
    const script = new URL("import.ts", import.meta.url).pathname;
    const importOnce = async () => {
      await empty(database);
      const { stdout } = await promisify(execFile)(process.execPath, [script, file, "Bench"], {
        env: { PATH: process.env.PATH, NODE_ENV: "production", ...environment },
      });
      const done: { rows: number; seconds: number; cpuSeconds: number } = JSON.parse(stdout);
      if (done.rows !== ROWS) throw new Error(`${done.rows} of ${ROWS} rows were imported`);
      cpuSeconds.push(done.cpuSeconds);
      return ROWS / done.seconds;
    };
    await importOnce();
    cpuSeconds.length = 0;
    await keepCopies(database);
    const pair = await alternate(
      rounds,
      importOnce,
      async () => ROWS / (await seconds(() => copy(database))),
    );
    row("  import", `${median(pair.a).toFixed(0)} rows/s`);
    row(
      "",
      `${(ROWS / median(cpuSeconds)).toFixed(0)} rows per CPU second of the importer`,
      "goal >= 20,000",
    );
    row("  COPY of the same rows, the limit", `${median(pair.b).toFixed(0)} rows/s`);
    row("import / COPY", ratio(pair));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function* lines(): Generator<string> {
  yield "external_id,started_at,ended_at,transcript\n";
  for (let n = 0; n < ROWS; n++) {
    const minute = String(n % 60).padStart(2, "0");
    yield `session-${n},2026-11-23T10:${minute}:00Z,2026-11-23T11:${minute}:00Z,"${TRANSCRIPT}"\n`;
  }
}

const TABLES = ["chat_sessions", "session_stages"] as const;

function empty(database: AppDatabase): Promise<unknown> {
  return database.asSuperuser((client) => client.query("TRUNCATE app.chat_sessions CASCADE"));
}

/** Has Postgres write the imported rows into files of its own container, and makes tables of the same form. */
function keepCopies(database: AppDatabase): Promise<void> {
  return database.asSuperuser(async (client) => {
    for (const table of TABLES) {
      await client.query(`COPY app.${table} TO '/tmp/${table}.copy'`);
      await client.query(`CREATE TABLE app.copied_${table} (LIKE app.${table} INCLUDING ALL)`);
    }
  });
}

function copy(database: AppDatabase): Promise<void> {
  return database.asSuperuser(async (client) => {
    await client.query("BEGIN");
    for (const table of TABLES) {
      await client.query(`TRUNCATE app.copied_${table}`);
      await client.query(`COPY app.copied_${table} FROM '/tmp/${table}.copy'`);
    }
    await client.query("COMMIT");
  });
}
