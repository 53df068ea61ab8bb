import { withSession } from "./session.ts";

/** What the application's own way, through PgBouncer as its role, shows. */
export interface PathSeen {
  /** From dialling to the first answer: what a new request would wait. */
  readonly firstAnswerMilliseconds: number;
  /** Names of the applied migrations; null where their table may not be read or is not there. */
  readonly migrations: readonly string[] | null;
}

/** Walks the way of the application's queries, and reads on it which migrations are applied. */
export async function lookAtPath(
  databaseUrl: string,
  schema: string,
  signal: AbortSignal,
): Promise<PathSeen> {
  const start = performance.now();
  return withSession(databaseUrl, signal, async (ask) => {
    await ask("SELECT 1");
    const firstAnswerMilliseconds = Math.round(performance.now() - start);
    const applied =
      `SELECT migration_name FROM "${schema.replaceAll('"', '""')}"._prisma_migrations ` +
      "WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL";
    const rows = await ask<{ migration_name: string }>(applied).catch(unreadable);
    return { firstAnswerMilliseconds, migrations: rows?.map((row) => row.migration_name) ?? null };
  });
}

/** Logs in to Postgres directly as the application's role: sees a refused login before PgBouncer's next one does. */
export async function lookAtLogin(
  databaseUrl: string,
  monitorUrl: string,
  signal: AbortSignal,
): Promise<true> {
  const direct = new URL(databaseUrl);
  direct.host = new URL(monitorUrl).host;
  direct.search = "";
  return withSession(direct.href, signal, async () => true as const);
}

function unreadable(error: unknown): null {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "42P01" || code === "42501" || code === "3F000") return null;
  throw error;
}
