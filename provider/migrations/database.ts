import type { Client } from "pg";

/** What the database says about one migration. */
export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
  /** Started, neither finished nor marked as rolled back: it failed, or another deployment is at it. */
  readonly isUnfinished: boolean;
  /** What Prisma noted of its failure, or `transactionMark`; null when its deployment was cut. */
  readonly logs: string | null;
}

/** Any number that nobody else uses for an advisory lock in this database. */
const lockKey = 6_504_310_321;
/** The lock of Prisma's schema engine, held by the session in which the scripts run. */
const prismaLockKey = 72_707_369;

/** In `logs` of a migration that runs with a `TransactionRecord`. */
export const transactionMark = "Poolkit: finished_at is set in the script's own transaction";

const markText = `'${transactionMark.replaceAll("'", "''")}'`;

const tableIn = (schema: string) => `"${schema.replaceAll('"', '""')}"._prisma_migrations`;
const isUnfinished = "finished_at IS NULL AND rolled_back_at IS NULL";

/** The engine's INSERT of a migration that begins, with the mark: there is no moment at which the row is without it. */
export function withMark(insert: string): string {
  const into = /^(INSERT INTO "_prisma_migrations" \([^)]*)(\) VALUES \([^)]*)\)$/;
  return insert.replace(into, `$1,"logs"$2,${markText})`);
}

/** Statements that make a script and the record of its end one transaction, however its deployment ends. */
export interface TransactionRecord {
  /** Says so, before it; touches one row, or there is nothing that could be recorded. */
  readonly mark: string;
  /** Sent together with the script, after it. */
  readonly end: string;
  /** Takes the mark back. */
  readonly unmark: string;
}

/** They mean the one migration that is unfinished. */
export function transactionRecord(schema: string): TransactionRecord {
  const update = (values: string) => `UPDATE ${tableIn(schema)} SET ${values} WHERE ${isUnfinished}`;
  // A policy or a trigger that keeps the row as it is must not make an applied script look like none.
  const end = `BEGIN ${update("finished_at = clock_timestamp(), logs = NULL")};
    IF NOT FOUND THEN RAISE EXCEPTION 'its end cannot be recorded in _prisma_migrations'; END IF; END`;
  return {
    mark: update(`logs = ${markText}`),
    // The script may have taken another role.
    end: `RESET ROLE;\nDO $poolkit$ ${end} $poolkit$`,
    unmark: update("logs = NULL"),
  };
}

/** What `_prisma_migrations` holds, rolled back attempts left out; empty before the first migration. */
export async function appliedMigrations(client: Client, schema: string): Promise<AppliedMigration[]> {
  const table = tableIn(schema);
  const exists = await client.query<{ found: boolean }>("SELECT to_regclass($1) IS NOT NULL AS found", [
    table,
  ]);
  if (!exists.rows[0]?.found) return [];
  const { rows } = await client.query<AppliedMigration>(
    `SELECT migration_name AS name, checksum, ${isUnfinished} AS "isUnfinished", logs FROM ${table}
      WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  return rows;
}

/** Notes that nothing of an unfinished migration is there: it runs again. */
export async function markRolledBack(client: Client, schema: string, name: string): Promise<void> {
  const table = tableIn(schema);
  await client.query(
    `UPDATE ${table} SET rolled_back_at = now() WHERE migration_name = $1 AND ${isUnfinished}`,
    [name],
  );
}

/** Takes the lock that makes deployments of the same database queue up; false when another one has it. */
export async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>("SELECT pg_try_advisory_lock($1) AS locked", [
    lockKey,
  ]);
  return rows[0]?.locked ?? false;
}

/** Whether no script runs, be it of a deployment that was killed: its session goes on until Postgres notices. */
export async function isIdle(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ idle: boolean }>(
    "SELECT CASE WHEN pg_try_advisory_lock($1) THEN pg_advisory_unlock($1) ELSE false END AS idle",
    [prismaLockKey],
  );
  return rows[0]?.idle ?? false;
}
