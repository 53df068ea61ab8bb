import type { Client } from "pg";

/** What the database says about one migration. */
export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
  /** Started, neither finished nor marked as rolled back: it failed, or another deployment is at it. */
  readonly isUnfinished: boolean;
}

/** Any number that nobody else uses for an advisory lock in this database. */
const lockKey = 6_504_310_321;

/** What `_prisma_migrations` holds, rolled back attempts left out; empty before the first migration. */
export async function appliedMigrations(client: Client, schema: string): Promise<AppliedMigration[]> {
  const table = `${client.escapeIdentifier(schema)}._prisma_migrations`;
  const exists = await client.query<{ found: boolean }>("SELECT to_regclass($1) IS NOT NULL AS found", [
    table,
  ]);
  if (!exists.rows[0]?.found) return [];
  const { rows } = await client.query<{ migration_name: string; checksum: string; unfinished: boolean }>(
    `SELECT migration_name, checksum, finished_at IS NULL AS unfinished FROM ${table}
      WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  return rows.map((row) => ({
    name: row.migration_name,
    checksum: row.checksum,
    isUnfinished: row.unfinished,
  }));
}

/** Takes the lock that makes deployments of the same database queue up; false when another one has it. */
export async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>("SELECT pg_try_advisory_lock($1) AS locked", [
    lockKey,
  ]);
  return rows[0]?.locked ?? false;
}
