import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Observation } from "../infra/budget/observation.ts";
import { UserError } from "./user-error.ts";

/** Where to look: the monitoring role's URLs of PgBouncer's console and of Postgres. Secret. */
export interface Viewpoint {
  readonly consoleUrl: string;
  readonly monitorUrl: string;
  /** Name of the application's database entry and role in PgBouncer. */
  readonly database: string;
  readonly user: string;
}

const lookEveryMs = 500;

/** PgBouncer's and Postgres' counters at one moment, times in seconds. */
interface Counters {
  readonly at: number;
  readonly transactions: number;
  readonly transactionSeconds: number;
  readonly waitSeconds: number;
  readonly postgres: Observation["postgres"];
}

/** The application's pool at one moment. */
interface Look {
  readonly waiting: number;
  readonly working: number;
  readonly poolSize: number;
}

/**
 * Watches a deployed stack for so long and returns what it did meanwhile. Two connections, one look every half second.
 * @throws UserError when the stack does not answer or PgBouncer was restarted meanwhile
 */
export async function observe(
  viewpoint: Viewpoint,
  seconds: number,
  databaseCores: number,
): Promise<Observation> {
  return await withClients([viewpoint.consoleUrl, viewpoint.monitorUrl], async ([console, postgres]) => {
    const before = await counters(console, postgres, viewpoint.database);
    const deadline = before.at + seconds;
    const looks: Look[] = [];
    while (performance.now() / 1000 < deadline) {
      await sleep(Math.min(lookEveryMs, Math.max(0, 1000 * deadline - performance.now())));
      looks.push(await look(console, viewpoint));
    }
    const after = await counters(console, postgres, viewpoint.database);
    if (after.transactions < before.transactions) {
      throw new UserError("PgBouncer was restarted meanwhile: its counters began again; observe once more");
    }
    return {
      seconds: after.at - before.at,
      transactions: after.transactions - before.transactions,
      transactionSeconds: after.transactionSeconds - before.transactionSeconds,
      waitSeconds: after.waitSeconds - before.waitSeconds,
      waitingClients: looks.map(({ waiting }) => waiting),
      workingConnections: looks.map(({ working }) => working),
      poolSize: looks.at(-1)?.poolSize ?? 0,
      postgres: {
        transactions: after.postgres.transactions - before.postgres.transactions,
        activeSeconds: after.postgres.activeSeconds - before.postgres.activeSeconds,
        idleInTransactionSeconds:
          after.postgres.idleInTransactionSeconds - before.postgres.idleInTransactionSeconds,
      },
      databaseCores,
    };
  });
}

async function withClients<T>(
  urls: readonly [string, string],
  use: (clients: readonly [pg.Client, pg.Client]) => Promise<T>,
): Promise<T> {
  const clients = urls.map(
    (connectionString) =>
      new pg.Client({
        connectionString,
        ssl: false, // the person's PGSSLMODE must not reach in
        connectionTimeoutMillis: 5_000,
        application_name: "poolkit-observe",
      }),
  );
  const [console, postgres] = clients;
  if (console === undefined || postgres === undefined) throw new Error("two URLs, two clients");
  for (const client of clients) client.on("error", () => {}); // also the next query's error
  try {
    await Promise.all(clients.map((client) => client.connect()));
    return await use([console, postgres]);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `the stack cannot be observed: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  }
}

async function counters(console: pg.Client, postgres: pg.Client, database: string): Promise<Counters> {
  const stats = await rowOf(console, "SHOW STATS", (row) => row.database === database);
  const { rows } = await postgres.query<Record<string, unknown>>(
    "SELECT xact_commit + xact_rollback AS transactions, active_time, idle_in_transaction_time FROM pg_stat_database WHERE datname = current_database()",
  );
  const [own] = rows;
  return {
    at: performance.now() / 1000,
    transactions: Number(stats?.total_xact_count ?? 0),
    transactionSeconds: Number(stats?.total_xact_time ?? 0) / 1e6,
    waitSeconds: Number(stats?.total_wait_time ?? 0) / 1e6,
    postgres: {
      transactions: Number(own?.transactions ?? 0),
      activeSeconds: Number(own?.active_time ?? 0) / 1000,
      idleInTransactionSeconds: Number(own?.idle_in_transaction_time ?? 0) / 1000,
    },
  };
}

async function look(console: pg.Client, { database, user }: Viewpoint): Promise<Look> {
  const pool = await rowOf(console, "SHOW POOLS", (row) => row.database === database && row.user === user);
  const role = await rowOf(console, "SHOW USERS", (row) => row.name === user);
  const entry = await rowOf(console, "SHOW DATABASES", (row) => row.name === database);
  // The role's own size wins; the column is empty where it has none.
  const own = role?.pool_size ?? "";
  return {
    waiting: Number(pool?.cl_waiting ?? 0),
    working: Number(pool?.sv_active ?? 0),
    poolSize: Number(own === "" ? entry?.pool_size : own) || 0,
  };
}

async function rowOf(
  console: pg.Client,
  command: string,
  isWanted: (row: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown> | undefined> {
  return (await console.query<Record<string, unknown>>(command)).rows.find(isWanted);
}
