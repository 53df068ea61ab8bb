import { readFileSync } from "node:fs";
import autocannon from "autocannon";
import { type AppDatabase, startAppDatabase } from "../../test/support/app-database.ts";
import { AppProcess, HEALTH_TOKEN } from "../../test/support/app-process.ts";

/** The rate at which asking for health must cost next to nothing. */
export const HEALTH_CALLS_PER_SECOND = 200;

/** One application on real Postgres and PgBouncer. */
export interface Fixture {
  readonly database: AppDatabase;
  readonly app: AppProcess;
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
    await use({ database, app }).finally(() => app.stop());
  } finally {
    await database.stop();
  }
}

/** Asks for health at the rate for so many seconds. */
export function askForHealth({ app }: Fixture, seconds: number): Promise<autocannon.Result> {
  return autocannon({
    url: `${app.url}/api/admin/database-health`,
    headers: { authorization: `Bearer ${HEALTH_TOKEN}` },
    connections: 4,
    overallRate: HEALTH_CALLS_PER_SECOND,
    duration: seconds,
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
