import { describe, expect, it } from "vitest";
import { loadConfig } from "../../app/lib/config.ts";
import { type BodyContext, healthBody, httpStatusOf } from "../../app/lib/health-body.ts";
import type {
  PathReport,
  PgBouncerPool,
  PgBouncerReport,
  PostgresReport,
} from "../../app/lib/health-probes.ts";
import { type Observation, verdictOf } from "../../app/lib/health-verdict.ts";
import type { PoolState } from "../../app/lib/pool-exchange.ts";
import type { ProbeResult } from "../../app/lib/probe-connection.ts";
import type { ProbeFailure } from "../../app/lib/probe-errors.ts";

const TIME = "2026-11-23T12:00:00.000Z";
const seen = <Report>(report: Report): ProbeResult<Report> => ({ ok: true, report, time: TIME });
const failed = (failure: ProbeFailure): ProbeResult<never> => ({ ok: false, failure, time: TIME });

const path: PathReport = { latencyMs: 1.2, migrations: ["1_init", "2_seed"] };
const postgres: PostgresReport = {
  latencyMs: 0.8,
  version: "18.6",
  maxConnections: 60,
  usedConnections: 3,
  byState: { active: 1, idle: 2 },
};
const pool: PgBouncerPool = {
  database: "poolkit",
  user: "poolkit_app",
  cl_active: 2,
  cl_waiting: 0,
  sv_active: 0,
  sv_idle: 1,
  maxwaitSeconds: 0,
  poolSize: 5,
  reservePoolSize: 2,
  paused: false,
};
const pgbouncer: PgBouncerReport = {
  latencyMs: 0.3,
  version: "1.26.1",
  poolMode: "transaction",
  maxClientConn: 50,
  pools: [pool],
};
const application: PoolState = {
  mode: "enhanced",
  limit: 10,
  counts: { totalCount: 1, idleCount: 1, waitingCount: 0 },
  running: 0,
  fullForMs: 0,
  lastAcquireTimeoutMsAgo: null,
  drainingPools: 0,
  measurements: null,
  counters: { acquireTimeouts: 0, idleErrors: 0, retries: {}, retriesGivenUp: 0, circuitOpened: 0 },
  circuit: "closed",
};
const healthy: Observation = {
  path: seen(path),
  postgres: seen(postgres),
  pgbouncer: seen(pgbouncer),
  pool: application,
  expectedMigrations: ["1_init", "2_seed"],
  configurationError: null,
};
const withPool = (change: Partial<PgBouncerPool>) => seen({ ...pgbouncer, pools: [{ ...pool, ...change }] });

describe("verdictOf", () => {
  it("passes what is healthy, also with more migrations than this build knows", () => {
    expect(verdictOf(healthy)).toEqual({ status: "pass", cause: null, output: null });
    const newer = seen({ ...path, migrations: ["1_init", "2_seed", "3_newer"] });
    expect(verdictOf({ ...healthy, path: newer }).status).toBe("pass");
  });

  it("passes what it may not see", () => {
    expect(
      verdictOf({ ...healthy, postgres: null, pgbouncer: null, path: seen({ ...path, migrations: null }) })
        .status,
    ).toBe("pass");
  });

  it.each<[string, "warn" | "fail", string, Partial<Observation>]>([
    [
      "no name resolves",
      "fail",
      "dns",
      { path: failed("dns"), postgres: failed("dns"), pgbouncer: failed("dns") },
    ],
    [
      "Postgres stopped",
      "fail",
      "postgres_unreachable",
      { path: failed("timeout"), postgres: failed("dns") },
    ],
    [
      "Postgres frozen",
      "fail",
      "postgres_unreachable",
      { path: failed("timeout"), postgres: failed("timeout"), pgbouncer: withPool({ cl_waiting: 3 }) },
    ],
    [
      "both stopped",
      "fail",
      "postgres_unreachable",
      { path: failed("unreachable"), postgres: failed("unreachable"), pgbouncer: failed("unreachable") },
    ],
    ["Postgres just back", "fail", "postgres_unreachable", { path: failed("upstream_down") }],
    ["PgBouncer stopped", "fail", "pgbouncer_unreachable", { path: failed("dns"), pgbouncer: failed("dns") }],
    [
      "PgBouncer frozen",
      "fail",
      "pgbouncer_unreachable",
      { path: failed("timeout"), pgbouncer: failed("timeout") },
    ],
    [
      "PgBouncer stopped, nothing else known",
      "fail",
      "pgbouncer_unreachable",
      { path: failed("unreachable"), postgres: null, pgbouncer: null },
    ],
    ["Postgres full", "fail", "postgres_connections_exhausted", { path: failed("connections_exhausted") }],
    ["PgBouncer full", "fail", "pgbouncer_client_limit", { path: failed("client_limit") }],
    [
      "paused",
      "fail",
      "pgbouncer_paused",
      { path: failed("timeout"), pgbouncer: withPool({ paused: true, cl_waiting: 1 }) },
    ],
    ["password wrong", "fail", "login_failing", { path: failed("login") }],
    [
      "pool busy, probe late",
      "fail",
      "pgbouncer_pool_exhausted",
      { path: failed("timeout"), pgbouncer: withPool({ cl_waiting: 1 }) },
    ],
    ["pool busy, probe dropped", "fail", "pgbouncer_pool_exhausted", { path: failed("queue_timeout") }],
    ["unknown error", "fail", "query_failing", { path: failed("other") }],
    ["migration missing", "fail", "migration_pending", { path: seen({ ...path, migrations: ["1_init"] }) }],
    [
      "requests gave up",
      "fail",
      "app_pool_exhausted",
      { pool: { ...application, lastAcquireTimeoutMsAgo: 9_999 } },
    ],
    ["requests queue", "warn", "app_pool_exhausted", { pool: { ...application, fullForMs: 1000 } }],
    ["clients wait", "warn", "pgbouncer_pool_exhausted", { pgbouncer: withPool({ maxwaitSeconds: 1.2 }) }],
    ["settings refused", "warn", "configuration_refused", { configurationError: "X: found 0" }],
    ["monitor cannot log in", "warn", "monitoring_incomplete", { postgres: failed("login") }],
    ["console cannot log in", "warn", "monitoring_incomplete", { pgbouncer: failed("login") }],
  ])("%s: %s %s", (_name, status, cause, change) => {
    const verdict = verdictOf({ ...healthy, ...change });
    expect(verdict).toMatchObject({ status, cause });
    expect(verdict.output).toMatch(/^[A-Z0-9].*\.$/);
  });

  it.each<[string, Partial<Observation>]>([
    ["a short queue in the application", { pool: { ...application, running: 99, fullForMs: 999 } }],
    ["an old acquire timeout", { pool: { ...application, lastAcquireTimeoutMsAgo: 10_000 } }],
    ["a short queue in PgBouncer", { pgbouncer: withPool({ cl_waiting: 5, maxwaitSeconds: 0.4 }) }],
  ])("does not cry over %s", (_name, change) => {
    expect(verdictOf({ ...healthy, ...change }).status).toBe("pass");
  });
});

describe("healthBody", () => {
  const loaded = loadConfig({
    DATABASE_URL: "postgres://a:canary-pw@canary-host/d",
    HEALTH_TOKEN: "canary-token".repeat(4),
    API_TOKEN: "canary-api-token".repeat(4),
  });
  if (!loaded.ok) throw new Error("fixture");
  const context: BodyContext = {
    release: { version: "0.1.0", releaseId: "abc" },
    versions: { node: "24", prisma: "7", pg: "8" },
    sessions: seen({ total: 3, byStatus: { OPEN: 3 } }),
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

  it("shows every layer", () => {
    const body = healthBody(healthy, context);
    expect(body).toMatchObject({
      status: "pass",
      cause: null,
      serviceId: "poolkit-app",
      version: "0.1.0",
      releaseId: "abc",
      connection: { status: "connected", latencyMs: 1.2, directLatencyMs: 0.8 },
      pool: {
        application: { mode: "enhanced", limit: 10, totalCount: 1, idleCount: 1, waitingCount: 0 },
        pgbouncer: { version: "1.26.1", poolMode: "transaction", maxClientConn: 50, pools: [pool] },
        postgres: {
          version: "18.6",
          maxConnections: 60,
          usedConnections: 3,
          byState: { active: 1, idle: 2 },
        },
      },
      metrics: { sessions: { total: 3, byStatus: { OPEN: 3 } }, pendingMigrations: [] },
      configuration: {
        revision: "r",
        values: { DATABASE_CONNECTION_LIMIT: { value: 10, unit: "connections", source: "default" } },
      },
    });
    expect(body).not.toHaveProperty("output");
    expect(Object.keys(body.checks).sort()).toEqual([
      "pgbouncer:connections",
      "pgbouncer:responseTime",
      "pool:connections",
      "postgres:connections",
      "postgres:responseTime",
    ]);
    expect(body.checks["pgbouncer:connections"]).toEqual([
      {
        componentId: "pgbouncer",
        componentType: "datastore",
        observedValue: 2,
        observedUnit: "connections",
        status: "pass",
        time: TIME,
      },
    ]);
  });

  it("invents no numbers in standard mode", () => {
    const { application: shown } = healthBody(
      { ...healthy, pool: { ...application, mode: "standard", counts: null } },
      context,
    ).pool;
    expect(shown).toMatchObject({ mode: "standard", totalCount: null, idleCount: null, waitingCount: null });
    expect(shown).toHaveProperty("reason");
  });

  it("says why a layer is not seen", () => {
    const body = healthBody(
      { ...healthy, path: failed("timeout"), postgres: failed("timeout"), pgbouncer: null },
      context,
    );
    expect(body.connection).toEqual({ status: "failed", latencyMs: null, directLatencyMs: null });
    expect(body.pool.postgres).toEqual({ reason: "probe failed: timeout" });
    expect(body.pool.pgbouncer).toEqual({ reason: "CONSOLE_URL is not set" });
    expect(body.checks).not.toHaveProperty("pgbouncer:connections");
    expect(body.checks["postgres:responseTime"]?.[0]).toMatchObject({
      status: "fail",
      output: "probe failed: timeout",
    });
  });

  it("holds no secret and no host", () => {
    for (const observation of [
      healthy,
      { ...healthy, path: failed("login"), postgres: failed("login"), pgbouncer: failed("dns") },
    ]) {
      expect(JSON.stringify(healthBody(observation, context))).not.toMatch(/canary/);
    }
  });

  it.each([
    ["pass", 200],
    ["warn", 200],
    ["fail", 503],
  ] as const)("%s is %i", (status, code) => {
    expect(httpStatusOf(status)).toBe(code);
  });
});
