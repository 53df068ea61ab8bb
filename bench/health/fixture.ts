import { readFileSync } from "node:fs";
import { type AppDatabase, startAppDatabase } from "../../test/support/app-database.ts";
import { AppProcess, HEALTH_TOKEN } from "../../test/support/app-process.ts";
import { type Asked, Caller } from "./caller.ts";

/** The rate at which asking for health must cost next to nothing. */
export const HEALTH_CALLS_PER_SECOND = 200;

/** One application on real Postgres and PgBouncer, and one who asks it for health. */
export interface Fixture {
  readonly database: AppDatabase;
  readonly app: AppProcess;
  readonly caller: Caller;
}

/** Starts everything, gives it to `use` and takes it away again. `settings` are PgBouncer's. */
export async function withFixture(
  settings: Record<string, string>,
  use: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const database = await startAppDatabase({ default_pool_size: "10", ...settings });
  try {
    const app = await AppProcess.start({
      settings: {
        USE_ENHANCED_POOLING: "true",
        DATABASE_CONNECTION_LIMIT: "10",
        DATABASE_POOL_TIMEOUT: "10",
      },
      databaseUrl: database.urls.database,
      monitorUrl: database.urls.monitor,
      consoleUrl: database.urls.console,
    });
    const caller = new Caller();
    await use({ database, app, caller }).finally(async () => {
      caller.stop();
      await app.stop();
    });
  } finally {
    await database.stop();
  }
}

/**
 * Asks for health for so many seconds, every call at its own moment. (A load generator's rate is one of bursts: all
 * calls of a second at its start, and the first of them find results that nobody has asked for since.) Another `route`
 * is for comparison.
 */
export function askForHealth(
  { app, caller }: Fixture,
  seconds: number,
  route = "/api/admin/database-health",
): Promise<Asked> {
  return caller.ask({
    url: `${app.url}${route}`,
    token: HEALTH_TOKEN,
    seconds,
    callsPerSecond: HEALTH_CALLS_PER_SECOND,
  });
}

/** CPU time of the application so far, in milliseconds, to a clock tick of 10. */
export function applicationCpu({ app }: Fixture): number {
  const stat = readFileSync(`/proc/${app.child.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** CPU time of PgBouncer's container so far, in milliseconds. */
export async function poolerCpu({ database }: Fixture): Promise<number> {
  const stats = await database.pgbouncer.container.stats({ stream: false, "one-shot": true });
  return stats.cpu_stats.cpu_usage.total_usage / 1e6;
}
