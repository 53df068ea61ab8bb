import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
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

/** What callers of health saw: milliseconds of every answer, sorted, and how many were neither pass nor warn. */
export interface Asked {
  readonly milliseconds: readonly number[];
  readonly refused: number;
}

/**
 * Asks for health for so many seconds, every call at its own moment. (A load generator's rate is one of bursts: all
 * calls of a second at its start, and the first of them find results that nobody has asked for since.) Another `route`
 * is for comparison.
 */
export async function askForHealth(
  { app }: Fixture,
  seconds: number,
  route = "/api/admin/database-health",
): Promise<Asked> {
  const agent = new http.Agent({ keepAlive: true });
  const calls: Promise<{ milliseconds: number; isGood: boolean }>[] = [];
  const start = performance.now();
  for (let call = 0; call < seconds * HEALTH_CALLS_PER_SECOND; call++) {
    const due = start + (call * 1000) / HEALTH_CALLS_PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    calls.push(askOnce(`${app.url}${route}`, agent));
  }
  const answers = await Promise.all(calls);
  agent.destroy();
  return {
    milliseconds: answers.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b),
    refused: answers.filter(({ isGood }) => !isGood).length,
  };
}

async function askOnce(url: string, agent: http.Agent) {
  const start = performance.now();
  const request = http.get(url, { agent, headers: { authorization: `Bearer ${HEALTH_TOKEN}` } });
  const [response]: http.IncomingMessage[] = await once(request, "response");
  response?.resume();
  if (response !== undefined) await once(response, "end");
  return { milliseconds: performance.now() - start, isGood: response?.statusCode === 200 };
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
