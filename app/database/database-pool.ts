import { PrismaPg } from "@prisma/adapter-pg";
import type { SqlDriverAdapter, SqlQuery } from "@prisma/driver-adapter-utils";
import type pg from "pg";
import type { DatabaseSettings } from "../config/config.ts";
import { DatabaseSocket } from "./database-socket.ts";
import {
  type CheckoutListener,
  MeasuredPool,
  type PoolMeasurements,
  type PoolMeasures,
} from "./measured-pool.ts";

/** Counters of a pool, under node-postgres' own names. */
export interface PoolCounts {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** One pool with the settings it was opened with. A live change opens another one and closes this one. */
export interface OpenPool {
  readonly settings: DatabaseSettings;
  readonly adapter: SqlDriverAdapter;
  /** Null where nobody can know: in standard mode Prisma's adapter keeps the pool to itself. */
  counts(): PoolCounts | null;
  /** Null for the same reason. */
  measurements(): PoolMeasurements | null;
  /** Closes idle connections now and the others as they are returned. New work must have stopped before. */
  close(): Promise<void>;
  /** Breaks the connections that are in use, so that `close` waits for nobody. Does nothing in standard mode. */
  breakUsed(): void;
}

/** Where a pool tells what happens to it. */
export interface PoolObserver {
  /** A connection broke while it lay idle; the pool has already dropped it. */
  readonly onIdleError: (error: Error) => void;
  /** Enhanced mode only. */
  readonly checkouts: CheckoutListener;
  /** Counted up in enhanced mode only. */
  readonly measures: PoolMeasures;
}

/** Shown in pg_stat_activity and SHOW CLIENTS, so that people can tell the pool from health probes. */
export const POOL_APPLICATION_NAME = "poolkit-app";

/** Time before the first keep-alive probe of an idle socket: well below what firewalls and NAT forget. */
const KEEP_ALIVE_DELAY_MILLIS = 30_000;

/** A query that is prepared under this name, once on each connection; at most 63 characters, one SQL text per name. */
export interface NamedQuery extends SqlQuery {
  readonly statementName: string;
}

/** All other queries are prepared without a name, for one run: pg keeps every name for as long as its connection lives. */
function statementNameOf(query: SqlQuery | NamedQuery): string {
  return "statementName" in query ? query.statementName : "";
}

function poolConfig(settings: DatabaseSettings): pg.PoolConfig {
  return {
    connectionString: settings.connectionString,
    application_name: POOL_APPLICATION_NAME,
    stream: () => new DatabaseSocket(),
    max: settings.connectionLimit,
    // Bounds waiting for a free connection and opening a new one; pg's own default is to wait for ever.
    connectionTimeoutMillis: settings.acquireTimeoutSeconds * 1000,
    idleTimeoutMillis: settings.idleTimeoutSeconds * 1000,
    maxLifetimeSeconds: settings.maxLifetimeSeconds,
  };
}

function adapterOptions({ schema }: DatabaseSettings) {
  return { schema, statementNameGenerator: statementNameOf };
}

/** Opens a pool in the mode that the settings name. Opens no connection yet: that happens with the first query. */
export function openPool(settings: DatabaseSettings, observer: PoolObserver): Promise<OpenPool> {
  return settings.mode === "enhanced" ? openEnhanced(settings, observer) : openStandard(settings, observer);
}

/** Standard mode: the adapter makes, owns and ends the pool; its counters are out of reach. */
async function openStandard(settings: DatabaseSettings, observer: PoolObserver): Promise<OpenPool> {
  const options = { ...adapterOptions(settings), onPoolError: observer.onIdleError };
  const adapter = await new PrismaPg(poolConfig(settings), options).connect();
  return {
    settings,
    adapter,
    counts: () => null,
    measurements: () => null,
    close: () => adapter.dispose(),
    // Out of reach: Prisma ends its transactions after DATABASE_TRANSACTION_TIMEOUT, Postgres its statements.
    breakUsed: () => {},
  };
}

/** Enhanced mode: our own pg.Pool, passed in as the pool itself (`{ pool }` would be taken for an empty config). */
async function openEnhanced(settings: DatabaseSettings, observer: PoolObserver): Promise<OpenPool> {
  const pool = new MeasuredPool(
    {
      ...poolConfig(settings),
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MILLIS,
    },
    {
      measures: observer.measures,
      leakThresholdSeconds: settings.leakThresholdSeconds,
      listener: observer.checkouts,
    },
  );
  // Without a listener a broken idle connection ends the process.
  pool.on("error", observer.onIdleError);
  const adapter = await new PrismaPg(pool, adapterOptions(settings)).connect();
  return {
    settings,
    adapter,
    counts: () => ({
      totalCount: pool.totalCount,
      idleCount: pool.idleCount,
      waitingCount: pool.waitingCount,
    }),
    measurements: () => pool.measurements(),
    async close() {
      await adapter.dispose();
      await pool.end();
    },
    breakUsed: () => pool.breakUsed(),
  };
}
