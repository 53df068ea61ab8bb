import { PrismaPg } from "@prisma/adapter-pg";
import type { SqlDriverAdapter } from "@prisma/driver-adapter-utils";
import pg from "pg";
import type { DatabaseSettings } from "./config.ts";

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
  /** Closes idle connections now and the others as they are returned. New work must have stopped before. */
  close(): Promise<void>;
}

/** Told about connections that break while they lie idle; the pool has already dropped them. */
export type IdleErrorListener = (error: Error) => void;

/** Shown in pg_stat_activity and SHOW CLIENTS, so that people can tell the pool from health probes. */
export const POOL_APPLICATION_NAME = "poolkit-app";

/** Time before the first keep-alive probe of an idle socket: well below what firewalls and NAT forget. */
const KEEP_ALIVE_DELAY_MILLIS = 30_000;

function poolConfig(settings: DatabaseSettings): pg.PoolConfig {
  return {
    connectionString: settings.connectionString,
    application_name: POOL_APPLICATION_NAME,
    max: settings.connectionLimit,
    // Bounds waiting for a free connection and opening a new one; pg's own default is to wait for ever.
    connectionTimeoutMillis: settings.acquireTimeoutSeconds * 1000,
    idleTimeoutMillis: settings.idleTimeoutSeconds * 1000,
    maxLifetimeSeconds: settings.maxLifetimeSeconds,
  };
}

/** Opens a pool in the mode that the settings name. Opens no connection yet: that happens with the first query. */
export function openPool(settings: DatabaseSettings, onIdleError: IdleErrorListener): Promise<OpenPool> {
  return settings.mode === "enhanced"
    ? openEnhanced(settings, onIdleError)
    : openStandard(settings, onIdleError);
}

/** Standard mode: the adapter makes, owns and ends the pool; its counters are out of reach. */
async function openStandard(settings: DatabaseSettings, onIdleError: IdleErrorListener): Promise<OpenPool> {
  const factory = new PrismaPg(poolConfig(settings), { schema: settings.schema, onPoolError: onIdleError });
  const adapter = await factory.connect();
  return { settings, adapter, counts: () => null, close: () => adapter.dispose() };
}

/** Enhanced mode: our own pg.Pool, passed in as the pool itself (`{ pool }` would be taken for an empty config). */
async function openEnhanced(settings: DatabaseSettings, onIdleError: IdleErrorListener): Promise<OpenPool> {
  const pool = new pg.Pool({
    ...poolConfig(settings),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MILLIS,
  });
  // Without a listener a broken idle connection ends the process.
  pool.on("error", onIdleError);
  const adapter = await new PrismaPg(pool, { schema: settings.schema }).connect();
  return {
    settings,
    adapter,
    counts: () => ({
      totalCount: pool.totalCount,
      idleCount: pool.idleCount,
      waitingCount: pool.waitingCount,
    }),
    async close() {
      await adapter.dispose();
      await pool.end();
    },
  };
}
