import { loadConfig } from "../../app/config/config.ts";
import type { PoolState } from "../../app/database/pool-state.ts";
import type { ProbeResult } from "../../app/database/probe-connection.ts";
import type { ProbeFailure } from "../../app/database/probe-errors.ts";
import type { BodyContext } from "../../app/health/health-body.ts";
import type { Observation } from "../../app/health/health-observation.ts";
import type {
  PathReport,
  PgBouncerPool,
  PgBouncerReport,
  PostgresReport,
} from "../../app/health/health-probes.ts";
import type { Activity } from "../../app/health/probe-activity.ts";

/** What health sees where nothing is wrong, and its parts. */
export const TIME = "2026-11-23T12:00:00.000Z";
export const seen = <Report>(report: Report): ProbeResult<Report> => ({ ok: true, report, time: TIME });
export const failed = (failure: ProbeFailure): ProbeResult<never> => ({ ok: false, failure, time: TIME });

export const limits = {
  statementTimeoutSeconds: 15,
  lockTimeoutSeconds: 5,
  idleInTransactionTimeoutSeconds: 20,
};
export const path: PathReport = { latencyMs: 1.2, limits, migrations: ["1_init", "2_seed"] };
export const activity: Activity = {
  byState: { active: 1, idle: 2 },
  lockWaits: [],
  idleInTransaction: [],
  active: [],
};
export const postgres: PostgresReport = {
  latencyMs: 0.8,
  version: "18.6",
  maxConnections: 60,
  usedConnections: 3,
  activity,
};
export const pool: PgBouncerPool = {
  database: "poolkit",
  user: "poolkit_app",
  cl_active: 2,
  cl_waiting: 0,
  sv_active: 0,
  sv_idle: 1,
  sv_used: 0,
  maxwaitSeconds: 0,
  poolSize: 5,
  reservePoolSize: 2,
  paused: false,
};
export const pgbouncer: PgBouncerReport = {
  version: "1.26.1",
  poolMode: "transaction",
  maxClientConn: 50,
  queryWaitTimeoutSeconds: 5,
  serverLoginRetrySeconds: 1,
  isPaused: false,
  totals: { queries: 0, querySeconds: 0, at: Date.parse(TIME) },
  pools: [pool],
};
export const application: PoolState = {
  mode: "enhanced",
  limit: 10,
  counts: { totalCount: 1, idleCount: 1, waitingCount: 0 },
  running: 0,
  longestWaitMs: 0,
  lastAcquireTimeoutMsAgo: null,
  drainingPools: 0,
  measurements: null,
  counters: { acquireTimeouts: 0, idleErrors: 0, retries: {}, retriesGivenUp: 0, circuitOpened: 0 },
  circuit: "closed",
};
export const healthy: Observation = {
  path: seen(path),
  postgres: seen(postgres),
  pgbouncer: seen(pgbouncer),
  disk: seen({}),
  pool: application,
  leaks: null,
  settings: { acquireTimeoutSeconds: 10, transactionTimeoutSeconds: 15 },
  limits,
  applicationUser: "poolkit_app",
  applicationDatabase: "poolkit",
  expectedMigrations: ["1_init", "2_seed"],
  configurationError: null,
};
const loaded = loadConfig({
  DATABASE_URL: "postgres://a:canary-pw@canary-host/d",
  HEALTH_TOKEN: "canary-token".repeat(4),
  API_TOKEN: "canary-api-token".repeat(4),
});
if (!loaded.ok) throw new Error("fixture");
export const context: BodyContext = {
  release: { version: "0.1.0", releaseId: "abc" },
  versions: { node: "24", prisma: "7", pg: "8" },
  sessions: seen({ total: 3, byStatus: { OPEN: 3 } }),
  requests: { underWay: 1, total: 7 },
  configuration: {
    revision: "r",
    preset: "dev",
    stack: "dev",
    lastError: null,
    warnings: [],
    values: loaded.config.effective,
  },
  now: TIME,
};
