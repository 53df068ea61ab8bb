import { FAILURES, type FailureKind } from "../database/database-failure.ts";
import { POOL_APPLICATION_NAME } from "../database/database-pool.ts";
import type { OperationTime } from "../database/operation-times.ts";
import { type PoolState, usedConnections, waitingWork } from "../database/pool-state.ts";
import { type Family, family, histograms, type Labels, single } from "./family.ts";

/** The name under which the connections stand in pg_stat_activity and SHOW CLIENTS, too. */
const POOL: Labels = { pool_name: POOL_APPLICATION_NAME };
const CIRCUIT_STATES = ["closed", "open", "half_open"] as const satisfies readonly PoolState["circuit"][];
/** All are shown from the start: a series that appears with its first event has no rise to be seen. */
const REPEATED = (Object.keys(FAILURES) as FailureKind[]).filter((kind) => FAILURES[kind].retry !== "never");

/** What the database layer shows of itself. What its mode cannot know is left out. */
export function databaseMetrics(pool: PoolState, operations: readonly OperationTime[]): Family[] {
  const { counters } = pool;
  return [
    ...connectionMetrics(pool),
    single("db_client_connection_max", pool.limit, POOL),
    single("db_client_connection_pending_requests", waitingWork(pool), POOL),
    single("db_client_connection_timeouts_total", counters.acquireTimeouts, POOL),
    histograms(
      "db_client_operation_duration_seconds",
      operations.map(({ operation, failure, seconds }) => ({
        labels: {
          db_system_name: "postgresql",
          db_operation_name: operation,
          ...(failure !== null && { error_type: failure }),
        },
        snapshot: seconds,
      })),
    ),
    single("poolkit_pool_idle_errors_total", counters.idleErrors, POOL),
    single("poolkit_pool_work_running", pool.running, POOL),
    single("poolkit_pool_longest_wait_seconds", pool.longestWaitMs / 1000, POOL),
    single("poolkit_pool_draining", pool.drainingPools, POOL),
    family(
      "poolkit_retries_total",
      REPEATED.map((reason) => ({ labels: { reason }, value: counters.retries[reason] ?? 0 })),
    ),
    single("poolkit_retries_given_up_total", counters.retriesGivenUp),
    family(
      "poolkit_circuit_state",
      CIRCUIT_STATES.map((state) => ({ labels: { state }, value: state === pool.circuit ? 1 : 0 })),
    ),
    single("poolkit_circuit_opened_total", counters.circuitOpened),
  ];
}

/** What only the owner of the pool knows. */
function connectionMetrics(pool: PoolState): Family[] {
  const { counts, measurements } = pool;
  if (counts === null || measurements === null) return [];
  return [
    family("db_client_connection_count", [
      { labels: { ...POOL, state: "idle" }, value: counts.idleCount },
      { labels: { ...POOL, state: "used" }, value: usedConnections(pool) },
    ]),
    histograms("db_client_connection_wait_time_seconds", [
      { labels: POOL, snapshot: measurements.acquireWaitSeconds },
    ]),
    histograms("db_client_connection_use_time_seconds", [
      { labels: POOL, snapshot: measurements.useSeconds },
    ]),
    single("poolkit_pool_connections_opened_total", measurements.connects, POOL),
    single("poolkit_pool_connections_closed_total", measurements.removes, POOL),
    single("poolkit_pool_leaks_total", measurements.leaks, POOL),
    single("poolkit_pool_overdue_connections", measurements.overdue.count, POOL),
  ];
}
