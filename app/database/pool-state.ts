import type { DatabaseSettings } from "../config/config.ts";
import type { CircuitStateName } from "./circuit.ts";
import type { PoolCounts } from "./database-pool.ts";
import type { PoolMeasurements } from "./measured-pool.ts";
import type { RetryCounts } from "./retry.ts";

/** What health and stop may know about the pool in use. */
export interface PoolState {
  readonly mode: DatabaseSettings["mode"];
  readonly limit: number;
  readonly counts: PoolCounts | null;
  /** Statements and transactions under way, those that wait for a connection included. */
  readonly running: number;
  /** For how long, in milliseconds, the longest-waiting piece of work has had no connection; 0 when none waits. */
  readonly longestWaitMs: number;
  /** Milliseconds since work last gave up waiting for a connection; null when that never happened. */
  readonly lastAcquireTimeoutMsAgo: number | null;
  /** Former pools whose last work has not ended yet. */
  readonly drainingPools: number;
  /**
   * What the pool itself measures, and what former ones have not got back yet; null in standard mode, where nobody can
   * know.
   */
  readonly measurements: PoolMeasurements | null;
  /** Known in both modes, counted since the process started. */
  readonly counters: LayerCounters;
  readonly circuit: CircuitStateName;
}

/** What the layer has counted since the process started; a live change does not reset it. */
export interface LayerCounters {
  /** Work that gave up waiting for a connection of the pool. */
  readonly acquireTimeouts: number;
  /** Connections that broke while they lay idle. */
  readonly idleErrors: number;
  /** Repeated attempts by what the attempt before had failed with (see database-failure.ts). */
  readonly retries: RetryCounts["attempts"];
  /** Work that could have been repeated safely but had used up its DATABASE_RETRY_BUDGET. */
  readonly retriesGivenUp: number;
  /** How often the circuit breaker has opened. */
  readonly circuitOpened: number;
}

type Occupancy = Pick<PoolState, "counts" | "running" | "limit">;

/** Connections that work has now; in standard mode as many as there is work for, which is all that is known. */
export function usedConnections({ counts, running, limit }: Occupancy): number {
  return counts === null ? Math.min(running, limit) : counts.totalCount - counts.idleCount;
}

/** Work that waits for a connection; in standard mode what is under way beyond the limit, because pg.Pool serves in order. */
export function waitingWork({ counts, running, limit }: Occupancy): number {
  return counts === null ? Math.max(running - limit, 0) : counts.waitingCount;
}
