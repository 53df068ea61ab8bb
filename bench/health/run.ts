// What asking for health costs, and whether it cries over nothing, on real Postgres and PgBouncer. Start it in the
// environment of set-up: . .poolkit/env && npm run bench:health [quiet minutes, default 10] [pooled clients, default 5000]
import autocannon from "autocannon";
import pg from "pg";
import { startAppDatabase } from "../../test/support/app-database.ts";
import { API_TOKEN, AppProcess, HEALTH_TOKEN } from "../../test/support/app-process.ts";
import { startLoad } from "../../test/support/load.ts";
import { alternate, median, ratio, row } from "../deploy/measure.ts";

const [quietMinutes = 10, pooledClients = 5000] = process.argv.slice(2).map(Number);
const ROUNDS = 5;
const ROUND_SECONDS = 5;
const HEALTH_CALLS_PER_SECOND = 200;
const HEALTH = "/api/admin/database-health";
/** What one look costs PgBouncer besides its login (app/lib/health-probes.ts). */
const CONSOLE_COMMANDS = ["SHOW VERSION", "SHOW CONFIG", "SHOW DATABASES", "SHOW POOLS"];

const database = await startAppDatabase({
  max_client_conn: String(pooledClients + 200),
  default_pool_size: "10",
});
const clients: pg.Client[] = [];
const app = await AppProcess.start({
  settings: { USE_ENHANCED_POOLING: "true", DATABASE_CONNECTION_LIMIT: "10", DATABASE_POOL_TIMEOUT: "10" },
  databaseUrl: database.urls.database,
  monitorUrl: database.urls.monitor,
  consoleUrl: database.urls.console,
});

const askForHealth = (duration: number) =>
  autocannon({
    url: `${app.url}${HEALTH}`,
    headers: { authorization: `Bearer ${HEALTH_TOKEN}` },
    connections: 4,
    overallRate: HEALTH_CALLS_PER_SECOND,
    duration,
  });

/** Requests a second of the main load. */
async function mainLoad(): Promise<number> {
  const result = await autocannon({
    url: `${app.url}/api/sessions?limit=5`,
    headers: { authorization: `Bearer ${API_TOKEN}` },
    connections: 10,
    duration: ROUND_SECONDS,
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx + result.errors} requests failed`);
  return result.requests.total / result.duration;
}

/** CPU time of PgBouncer's container so far, in milliseconds. */
async function poolerCpu(): Promise<number> {
  const stats = await database.pgbouncer.container.stats({ stream: false });
  return stats.cpu_stats.cpu_usage.total_usage / 1e6;
}

async function consoleCost(): Promise<number> {
  const looks = 500;
  const client = new pg.Client({ connectionString: database.urls.console });
  await client.connect();
  try {
    const before = await poolerCpu();
    for (let look = 0; look < looks; look++) {
      for (const command of CONSOLE_COMMANDS) await client.query(command);
    }
    return ((await poolerCpu()) - before) / looks;
  } finally {
    await client.end();
  }
}

try {
  await askForHealth(2); // warm
  const alone = await askForHealth(ROUND_SECONDS);
  row(`health p99 at ${HEALTH_CALLS_PER_SECOND} calls/s`, `${alone.latency.p99} ms`, "goal <= 5 ms");
  row("  answers other than pass or warn", String(alone.non2xx + alone.errors), "goal 0");

  const rounds = await alternate(
    ROUNDS,
    async () => (await Promise.all([mainLoad(), askForHealth(ROUND_SECONDS)]))[0],
    mainLoad,
  );
  row("main load with / without health calls", ratio(rounds), "goal >= 0.98");
  row("  without", `${median(rounds.b).toFixed(0)} requests/s`);

  row("PgBouncer's CPU per look, few clients", `${(await consoleCost()).toFixed(3)} ms`, "goal <= 0.2 ms");
  for (let count = 0; count < pooledClients; count += 50) {
    const batch = Array.from(
      { length: 50 },
      () => new pg.Client({ connectionString: database.urls.database }),
    );
    for (const client of batch) client.on("error", () => {}); // cut at the end
    await Promise.all(batch.map((client) => client.connect()));
    clients.push(...batch);
  }
  row(
    `  with ${clients.length} clients connected`,
    `${(await consoleCost()).toFixed(3)} ms`,
    "goal <= 0.2 ms",
  );

  const load = startLoad(20, () => app.get("/api/sessions?limit=5"));
  const alarms: string[] = [];
  let looks = 0;
  const end = Date.now() + quietMinutes * 60_000;
  while (Date.now() < end) {
    const { status, cause, output } = await app.health();
    looks += 1;
    if (status !== "pass") alarms.push(`${status} ${cause}: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const { succeeded, failures } = await load.stop();
  row(`false alarms in ${quietMinutes} min under load`, `${alarms.length} of ${looks} looks`, "goal 0");
  row("  requests served / failed", `${succeeded} / ${failures.length}`);
  for (const alarm of new Set(alarms)) row("  alarm", alarm);
} finally {
  await Promise.all(clients.map((client) => client.end().catch(() => {}))); // PgBouncer may be gone
  await app.stop();
  await database.stop();
}
