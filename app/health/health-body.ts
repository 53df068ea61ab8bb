import type { EffectiveValues } from "../config/resolve-settings.ts";
import { type PoolState, waitingWork } from "../database/pool-state.ts";
import type { ProbeResult } from "../database/probe-connection.ts";
import { checksOf } from "./health-checks.ts";
import { type Observation, pendingMigrations } from "./health-observation.ts";
import type { PgBouncerPool, SessionReport } from "./health-probes.ts";
import { holdersSeen, type Verdict, verdictOf } from "./health-verdict.ts";

/** What the body says besides the observation. */
export interface BodyContext {
  readonly release: { readonly version: string; readonly releaseId: string };
  readonly versions: { readonly node: string; readonly prisma: string; readonly pg: string };
  readonly sessions: ProbeResult<SessionReport>;
  readonly requests: { readonly underWay: number; readonly total: number };
  readonly configuration: {
    readonly revision: string | null;
    readonly preset: string;
    readonly stack: string;
    readonly lastError: string | null;
    readonly warnings: readonly string[];
    readonly values: EffectiveValues;
  };
  readonly now: string;
}

const STANDARD_MODE_REASON = "standard mode: Prisma's adapter owns the pool and does not show its counters";

/** Shapes an observation into the body of `application/health+json`. Pure: the same input gives the same body. */
export function healthBody(seen: Observation, context: BodyContext) {
  const verdict = verdictOf(seen);
  return {
    status: verdict.status,
    cause: verdict.cause,
    ...(verdict.output === null ? {} : { output: verdict.output }),
    ...(verdict.advice === null ? {} : { advice: verdict.advice }),
    serviceId: "poolkit-app",
    version: context.release.version,
    releaseId: context.release.releaseId,
    description: "health of the pooled database, from the application through PgBouncer to Postgres",
    checks: checksOf(seen, verdict, context.now),
    ...layersOf(seen),
    holders: holdersSection(seen),
    metrics: {
      sessions: sessionsSection(context.sessions),
      queues: {
        application: waitingWork(seen.pool),
        pgbouncer: seen.pgbouncer?.ok === true ? clientsWaiting(seen.pgbouncer.report.pools) : null,
      },
      requests: context.requests,
      pendingMigrations: pendingMigrations(seen),
    },
    configuration: context.configuration,
    versions: context.versions,
  };
}

export type HealthBody = ReturnType<typeof healthBody>;

/** The figures of every layer on the way. */
export function layersOf(seen: Pick<Observation, "path" | "postgres" | "pgbouncer" | "pool" | "limits">) {
  return {
    connection: {
      status: seen.path.ok ? "connected" : "failed",
      latencyMs: seen.path.ok ? seen.path.report.latencyMs : null,
      directLatencyMs: seen.postgres?.ok === true ? seen.postgres.report.latencyMs : null,
    },
    pool: {
      application: applicationPool(seen.pool),
      pgbouncer: pgbouncerSection(seen),
      postgres: postgresSection(seen),
    },
  };
}

export type Layers = ReturnType<typeof layersOf>;

/** HTTP status of a body: the draft wants 2xx for pass and warn, 5xx for fail. */
export function httpStatusOf(status: Verdict["status"]): 200 | 503 {
  return status === "fail" ? 503 : 200;
}

function applicationPool(pool: PoolState) {
  const work = {
    mode: pool.mode,
    limit: pool.limit,
    runningCount: pool.running,
    longestWaitMs: Math.round(pool.longestWaitMs),
    drainingPools: pool.drainingPools,
    circuit: pool.circuit,
    counters: pool.counters,
  };
  if (pool.counts !== null) return { ...work, ...pool.counts, measurements: pool.measurements };
  return {
    ...work,
    totalCount: null,
    idleCount: null,
    waitingCount: null,
    measurements: null,
    reason: STANDARD_MODE_REASON,
  };
}

/** Why a section is empty, in words that name no host and no user. */
function unseen(result: ProbeResult<unknown> | null, variable: string): { reason: string } {
  return {
    reason: result === null || result.ok ? `${variable} is not set` : `probe failed: ${result.failure}`,
  };
}

function pgbouncerSection({ pgbouncer }: Pick<Observation, "pgbouncer">) {
  if (pgbouncer?.ok !== true) return unseen(pgbouncer, "CONSOLE_URL");
  const { version, poolMode, maxClientConn, queryWaitTimeoutSeconds, pools, totals } = pgbouncer.report;
  return { version, poolMode, maxClientConn, queryWaitTimeoutSeconds, pools, totals };
}

function postgresSection({ postgres, limits }: Pick<Observation, "postgres" | "limits">) {
  if (postgres?.ok !== true) return unseen(postgres, "MONITOR_URL");
  const { version, maxConnections, usedConnections, activity } = postgres.report;
  return { version, maxConnections, usedConnections, byState: activity.byState, limits };
}

/** So many of each kind are listed; the counts are of all. */
const MAX_LISTED = 10;

function holdersSection(seen: Observation) {
  const { lockWaits, idleInTransaction, slowQueries, leaks } = holdersSeen(seen);
  const listed = <Holder>(all: readonly Holder[]) => ({
    count: all.length,
    oldest: all.slice(0, MAX_LISTED),
  });
  return {
    lockWaits: listed(lockWaits),
    idleInTransaction: listed(idleInTransaction),
    slowQueries: listed(slowQueries),
    leaks,
  };
}

function clientsWaiting(pools: readonly PgBouncerPool[]): number {
  return pools.reduce((sum, { cl_waiting }) => sum + cl_waiting, 0);
}

function sessionsSection(sessions: ProbeResult<SessionReport>) {
  if (sessions.ok) return sessions.report;
  return { total: null, byStatus: null, reason: `probe failed: ${sessions.failure}` };
}
