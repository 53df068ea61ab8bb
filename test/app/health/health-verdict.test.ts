import { describe, expect, it } from "vitest";
import { healthBody, httpStatusOf } from "../../../app/health/health-body.ts";
import { holdersAgainst } from "../../../app/health/health-holders.ts";
import { thresholdsOf } from "../../../app/health/health-limits.ts";
import type { Observation } from "../../../app/health/health-observation.ts";
import type { PgBouncerPool } from "../../../app/health/health-probes.ts";
import { verdictOf } from "../../../app/health/health-verdict.ts";
import type { Activity, LockWait, Session } from "../../../app/health/probe-activity.ts";
import { healthSchema } from "../../support/health-schema.ts";
import {
  activity,
  application,
  context,
  failed,
  healthy,
  limits,
  path,
  pgbouncer,
  pool,
  postgres,
  seen,
  TIME,
} from "../../support/observation.ts";

const withPool = (change: Partial<PgBouncerPool>) => seen({ ...pgbouncer, pools: [{ ...pool, ...change }] });

const withPools = (...changes: readonly Partial<PgBouncerPool>[]) =>
  seen({ ...pgbouncer, pools: changes.map((change) => ({ ...pool, ...change })) });
const elsewhere = { database: "reports" };
const REFUSED_AS = {
  login: "login_failing",
  client_limit: "pgbouncer_client_limit",
  disk_full: "disk_full",
  connections_exhausted: "postgres_connections_exhausted",
  disabled: "pgbouncer_paused",
};

const session = (change: Partial<Session> = {}): Session => ({
  pid: 77,
  user: "poolkit_app",
  applicationName: "poolkit-app",
  state: "active",
  seconds: 5,
  ...change,
});
const idle = session({ state: "idle in transaction" });
const lockWait = (change: Partial<LockWait> = {}): LockWait => ({
  ...session({ pid: 78 }),
  waitedSeconds: 4,
  blockedBy: [
    session({ pid: 66, user: "owner", applicationName: "psql", state: "idle in transaction", seconds: 9 }),
  ],
  ...change,
});
const doing = (change: Partial<Activity>) => seen({ ...postgres, activity: { ...activity, ...change } });
const leak = (count: number) => ({ count, oldestSeconds: 31, oldestCaller: "GET /api/report" });
const gaveUp = { ...application, running: 10, lastAcquireTimeoutMsAgo: 100 };
const busy = withPool({ sv_active: 5, cl_waiting: 4 });

describe("verdictOf", () => {
  it("passes what is healthy, also with more migrations than this build knows", () => {
    expect(verdictOf(healthy)).toEqual({ status: "pass", cause: null, output: null, advice: null });
    const newer = seen({ ...path, migrations: ["1_init", "2_seed", "3_newer"] });
    expect(verdictOf({ ...healthy, path: newer }).status).toBe("pass");
  });

  it("passes what it may not see", () => {
    expect(
      verdictOf({
        ...healthy,
        postgres: null,
        pgbouncer: null,
        disk: null,
        limits: null,
        path: seen({ ...path, migrations: null }),
      }).status,
    ).toBe("pass");
  });

  it.each<[string, "warn" | "fail", string, Partial<Observation>]>([
    [
      "no name resolves",
      "fail",
      "dns",
      { path: failed("dns"), postgres: failed("dns"), pgbouncer: failed("dns") },
    ],
    ["no name resolves, nothing else known", "fail", "dns", { path: failed("dns"), postgres: null }],
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
    [
      "Postgres that starts, while PgBouncer keeps the probe waiting",
      "fail",
      "postgres_unreachable",
      { path: failed("timeout"), postgres: failed("upstream_down") },
    ],
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
    [
      "Postgres full, and a probe that fails otherwise",
      "fail",
      "postgres_connections_exhausted",
      { path: failed("other"), postgres: failed("connections_exhausted") },
    ],
    ["PgBouncer full", "fail", "pgbouncer_client_limit", { path: failed("client_limit") }],
    [
      "paused",
      "fail",
      "pgbouncer_paused",
      { path: failed("timeout"), pgbouncer: withPool({ paused: true, cl_waiting: 1 }) },
    ],
    [
      "all paused",
      "fail",
      "pgbouncer_paused",
      { path: failed("timeout"), pgbouncer: seen({ ...pgbouncer, isPaused: true }) },
    ],
    ["disabled", "fail", "pgbouncer_paused", { path: failed("disabled") }],
    ["password wrong", "fail", "login_failing", { path: failed("login") }],
    [
      "pool busy, probe late",
      "fail",
      "pgbouncer_pool_exhausted",
      { path: failed("timeout"), pgbouncer: withPool({ cl_waiting: 1 }) },
    ],
    [
      "pool busy, looked at before our probe was in its queue",
      "fail",
      "pgbouncer_pool_exhausted",
      { path: failed("timeout"), pgbouncer: withPool({ cl_waiting: 0, sv_active: 5, sv_idle: 0 }) },
    ],
    ["pool busy, probe dropped", "fail", "pgbouncer_pool_exhausted", { path: failed("queue_timeout") }],
    ["unknown error", "fail", "query_failing", { path: failed("other") }],
    [
      "a query that hangs behind a PgBouncer that answers",
      "fail",
      "query_failing",
      { path: failed("timeout") },
    ],
    ...[0, null].map((poolSize): [string, "fail", string, Partial<Observation>] => [
      `the same, with a pool that has no limit or none that is known (${poolSize})`,
      "fail",
      "query_failing",
      { path: failed("timeout"), pgbouncer: withPool({ poolSize, sv_active: 3 }) },
    ]),
    ...(["login", "client_limit", "disk_full", "connections_exhausted", "disabled"] as const).map(
      (refusal): [string, "fail", string, Partial<Observation>] => [
        `a refusal, ${refusal}, and a monitor that cannot reach Postgres`,
        "fail",
        REFUSED_AS[refusal],
        { path: failed(refusal), postgres: failed("dns") },
      ],
    ),
    [
      "a refusal while all is paused",
      "fail",
      "login_failing",
      { path: failed("login"), pgbouncer: seen({ ...pgbouncer, isPaused: true }) },
    ],
    [
      "pool busy while another entry is paused",
      "fail",
      "pgbouncer_pool_exhausted",
      { path: failed("timeout"), pgbouncer: withPools({ cl_waiting: 1 }, { ...elsewhere, paused: true }) },
    ],
    ["migration missing", "fail", "migration_pending", { path: seen({ ...path, migrations: ["1_init"] }) }],
    [
      "requests gave up",
      "fail",
      "app_pool_exhausted",
      { pool: { ...application, lastAcquireTimeoutMsAgo: 2_999 } },
    ],
    ["requests queue", "warn", "app_pool_exhausted", { pool: { ...application, longestWaitMs: 2500 } }],
    ["clients wait", "warn", "pgbouncer_pool_exhausted", { pgbouncer: withPool({ maxwaitSeconds: 1.3 }) }],
    [
      "disk full",
      "fail",
      "disk_full",
      { disk: failed("disk_full"), postgres: doing({ idleInTransaction: [idle] }) },
    ],
    ["a lock is waited for", "warn", "lock_wait", { postgres: doing({ lockWaits: [lockWait()] }) }],
    ["a connection is kept", "warn", "app_pool_leak", { leaks: leak(1) }],
    [
      "a kept connection whose transaction idles",
      "warn",
      "app_pool_leak",
      { leaks: leak(1), postgres: doing({ idleInTransaction: [idle] }) },
    ],
    [
      "a checkout whose statement is at work is no leak",
      "warn",
      "slow_queries",
      { leaks: leak(1), postgres: doing({ active: [session()] }) },
    ],
    [
      "a kept connection, and a long statement of the same role that is not the pool's",
      "warn",
      "app_pool_leak",
      { leaks: leak(1), postgres: doing({ active: [session({ applicationName: "psql" })] }) },
    ],
    [
      "two kept connections, one of them at work",
      "warn",
      "app_pool_leak",
      { leaks: leak(2), postgres: doing({ active: [session()] }) },
    ],
    [
      "a transaction idles",
      "warn",
      "idle_in_transaction",
      { postgres: doing({ idleInTransaction: [idle] }) },
    ],
    ["a statement is slow", "warn", "slow_queries", { postgres: doing({ active: [session()] }) }],
    [
      "an idle transaction weighs more than a slow statement",
      "warn",
      "idle_in_transaction",
      { postgres: doing({ active: [session()], idleInTransaction: [idle] }) },
    ],
    [
      "requests gave up because of a lock",
      "fail",
      "lock_wait",
      { pool: gaveUp, pgbouncer: busy, postgres: doing({ lockWaits: Array(3).fill(lockWait()) }) },
    ],
    [
      "requests gave up because of a leak",
      "fail",
      "app_pool_leak",
      { pool: gaveUp, leaks: leak(10), pgbouncer: withPool({ sv_active: 0 }) },
    ],
    [
      "requests gave up because of idle transactions",
      "fail",
      "idle_in_transaction",
      {
        pool: gaveUp,
        pgbouncer: busy,
        postgres: doing({ idleInTransaction: Array(3).fill({ ...idle, seconds: 1 }) }),
      },
    ],
    [
      "requests gave up because of slow statements",
      "fail",
      "slow_queries",
      { pool: gaveUp, pgbouncer: busy, postgres: doing({ active: Array(5).fill(session({ seconds: 1 })) }) },
    ],
    [
      "requests gave up, and one of five connections is slow: nobody stands out",
      "fail",
      "app_pool_exhausted",
      { pool: gaveUp, pgbouncer: busy, postgres: doing({ active: [session()] }) },
    ],
    [
      "requests gave up, and two of five connections are slow: still nobody",
      "fail",
      "app_pool_exhausted",
      { pool: gaveUp, pgbouncer: busy, postgres: doing({ active: Array(2).fill(session()) }) },
    ],
    [
      "requests gave up, and half of the connections are slow",
      "fail",
      "slow_queries",
      {
        pool: gaveUp,
        pgbouncer: withPool({ sv_active: 4 }),
        postgres: doing({ active: Array(2).fill(session()) }),
      },
    ],
    [
      "requests gave up, and one of ten is slow, as far as the application's own pool tells",
      "fail",
      "app_pool_exhausted",
      { pool: gaveUp, pgbouncer: null, postgres: doing({ active: [session()] }) },
    ],
    [
      "requests gave up, and half of the own pool is slow, whatever waits for it",
      "fail",
      "slow_queries",
      {
        pool: { ...gaveUp, running: 25 },
        pgbouncer: null,
        postgres: doing({ active: Array(5).fill(session()) }),
      },
    ],
    ...[
      { active: Array(5).fill(session({ seconds: 0.9 })) },
      { idleInTransaction: Array(5).fill({ ...idle, seconds: 0.9 }) },
      { lockWaits: Array(5).fill(lockWait({ waitedSeconds: 0.9 })) },
    ].map((held): [string, "fail", string, Partial<Observation>] => [
      `requests gave up, and nobody has held anything for a second (${Object.keys(held)})`,
      "fail",
      "app_pool_exhausted",
      { pool: gaveUp, pgbouncer: busy, postgres: doing(held) },
    ]),
    [
      "requests gave up because PgBouncer's pool is the narrow one",
      "fail",
      "pgbouncer_pool_exhausted",
      { pool: gaveUp, pgbouncer: withPool({ sv_active: 5, maxwaitSeconds: 2 }) },
    ],
    [
      "requests gave up, and somebody else's transaction idles: it has none of the application's connections",
      "fail",
      "app_pool_exhausted",
      {
        pool: gaveUp,
        pgbouncer: withPool({ sv_active: 2 }),
        postgres: doing({ idleInTransaction: [{ ...idle, user: "dba", applicationName: "psql" }] }),
      },
    ],
    [
      "requests gave up, and others wait for each other's locks",
      "fail",
      "app_pool_exhausted",
      {
        pool: gaveUp,
        pgbouncer: withPool({ sv_active: 2 }),
        postgres: doing({ lockWaits: [lockWait({ user: "nightly" })] }),
      },
    ],
    [
      "clients time out because of idle transactions",
      "fail",
      "idle_in_transaction",
      {
        path: failed("timeout"),
        pgbouncer: busy,
        postgres: doing({ idleInTransaction: Array(5).fill(idle) }),
      },
    ],
    [
      "work queues because of slow statements",
      "warn",
      "slow_queries",
      {
        pool: { ...application, longestWaitMs: 2500 },
        pgbouncer: busy,
        postgres: doing({ active: Array(5).fill(session({ seconds: 2 })) }),
      },
    ],
    [
      "Postgres is full, and the connections that are open still work",
      "warn",
      "postgres_connections_exhausted",
      { postgres: failed("connections_exhausted") },
    ],
    ["settings refused", "warn", "configuration_refused", { configurationError: "X: found 0" }],
    ["monitor cannot log in", "warn", "monitoring_incomplete", { postgres: failed("login") }],
    ["nobody knows whether Postgres can write", "warn", "monitoring_incomplete", { disk: failed("timeout") }],
    ["console cannot log in", "warn", "monitoring_incomplete", { pgbouncer: failed("login") }],
  ])("%s: %s %s", (_name, status, cause, change) => {
    const verdict = verdictOf({ ...healthy, ...change });
    expect(verdict).toMatchObject({ status, cause });
    expect(verdict.output).toMatch(/^[A-Z0-9].*\.$/);
    expect(verdict.advice).toMatch(/^[A-Z].*\.$/);
  });

  it.each<[string, Partial<Observation>]>([
    ["a short queue in the application", { pool: { ...application, running: 99, longestWaitMs: 2499 } }],
    ["an old acquire timeout", { pool: { ...application, lastAcquireTimeoutMsAgo: 3_000 } }],
    ["a short queue in PgBouncer", { pgbouncer: withPool({ cl_waiting: 5, maxwaitSeconds: 0.4 }) }],
    ["a young transaction", { postgres: doing({ idleInTransaction: [{ ...idle, seconds: 2.9 }] }) }],
    [
      "a statement of another role",
      { postgres: doing({ active: [session({ user: "owner", seconds: 99 })] }) },
    ],
    ["a statement of a few seconds", { postgres: doing({ active: [session({ seconds: 2.9 })] }) }],
    ["a short lock wait", { postgres: doing({ lockWaits: [lockWait({ waitedSeconds: 1.2 })] }) }],
    [
      "a queue of another entry of PgBouncer",
      { pgbouncer: withPools({}, { ...elsewhere, maxwaitSeconds: 3, cl_waiting: 9 }) },
    ],
    [
      "a queue of another role in the application's entry",
      { pgbouncer: withPools({}, { user: "poolkit_monitor", maxwaitSeconds: 3, cl_waiting: 9 }) },
    ],
    ["a checkout that works", { leaks: leak(1), postgres: doing({ active: [session({ seconds: 1 })] }) }],
  ])("does not cry over %s", (_name, change) => {
    expect(verdictOf({ ...healthy, ...change }).status).toBe("pass");
  });
});

describe("what a verdict says", () => {
  it("names who holds whom up, and the settings in force", () => {
    const { output, advice } = verdictOf({ ...healthy, postgres: doing({ lockWaits: [lockWait()] }) });
    expect(output).toBe(
      "1 session waits for a lock, pid 78 (poolkit-app, poolkit_app) for 4 s, blocked by pid 66 (psql, owner), idle in transaction for 9 s.",
    );
    expect(advice).toMatch(
      /Now: lock_timeout 5 s \(poolkit:overrides\.lockTimeoutSeconds\), statement_timeout 15 s /,
    );
  });

  it("names the head of a queue of locks, not those that wait in it", () => {
    const queued = lockWait({ pid: 79, blockedBy: [session({ pid: 78 }), ...lockWait().blockedBy] });
    const { output } = verdictOf({ ...healthy, postgres: doing({ lockWaits: [lockWait(), queued] }) });
    expect(output).toMatch(
      /^2 sessions wait for a lock.*blocked by pid 66 \(psql, owner\), idle in transaction for 9 s\.$/,
    );
  });

  it("shows three of those who block, and says when they have ended meanwhile", () => {
    const by = (...pids: number[]) => ({
      postgres: doing({ lockWaits: [lockWait({ blockedBy: pids.map((pid) => session({ pid })) })] }),
    });
    const many = verdictOf({ ...healthy, ...by(1, 2, 3, 4) }).output;
    expect(many).toContain("pid 3 ");
    expect(many).not.toContain("pid 4 ");
    const inCircle = [
      lockWait({ pid: 1, blockedBy: [session({ pid: 2 })] }),
      lockWait({ pid: 2, blockedBy: [session({ pid: 1 })] }),
    ];
    expect(verdictOf({ ...healthy, postgres: doing({ lockWaits: inCircle }) }).output).toContain(
      "blocked by pid 2 ",
    );
    expect(verdictOf({ ...healthy, ...by() }).output).toContain("blocked by a session that has just ended.");
  });

  it.each<[string, Partial<Observation>, string]>([
    [
      "both failures",
      { path: failed("unreachable"), postgres: failed("unreachable"), pgbouncer: failed("unreachable") },
      "Neither Postgres nor PgBouncer answers.",
    ],
    [
      "the limit that is reached",
      { path: failed("client_limit") },
      "PgBouncer has all 50 clients it may have and refuses more.",
    ],
    [
      "a limit that was not seen",
      { path: failed("client_limit"), pgbouncer: null },
      "PgBouncer has all max_client_conn clients it may have and refuses more.",
    ],
    [
      "the wait and the size of PgBouncer's pool",
      { pgbouncer: withPool({ maxwaitSeconds: 2.34 }) },
      "Clients have waited in PgBouncer for 2.3 s for one of the 5 server connections of its pool.",
    ],
    [
      "the wait for a pool whose size is not known",
      { pgbouncer: withPool({ maxwaitSeconds: 2.36, poolSize: null }) },
      "Clients have waited in PgBouncer for 2.4 s for one of the server connections of its pool.",
    ],
    [
      "how many statements are slow",
      { postgres: doing({ active: [session(), session({ seconds: 2, applicationName: "" })] }) },
      "2 statements have run for a second or longer, the longest of pid 77 (poolkit-app, poolkit_app) for 5 s.",
    ],
    [
      "a session without a name",
      { postgres: doing({ active: [session({ applicationName: "" })] }) },
      "1 statement has run for a second or longer, the longest of pid 77 (no application name, poolkit_app) for 5 s.",
    ],
    [
      "those that leak without those at work",
      {
        leaks: leak(3),
        postgres: doing({ active: [session()], lockWaits: [lockWait({ waitedSeconds: 1 })] }),
      },
      "1 pool connection is kept without work, the oldest for 31 s by GET /api/report.",
    ],
  ])("says %s", (_what, change, output) => {
    expect(verdictOf({ ...healthy, ...change }).output).toBe(output);
  });

  const o = "poolkit:overrides.";
  it.each<[string, Partial<Observation>, string]>([
    [
      "postgres_unreachable",
      { path: failed("upstream_down") },
      `server_login_retry 1 s (${o}serverLoginRetrySeconds)`,
    ],
    [
      "postgres_connections_exhausted",
      { path: failed("connections_exhausted") },
      `max_connections 60, default_pool_size 5 (${o}poolSize), reserve_pool_size 2 (${o}reservePoolSize)`,
    ],
    [
      "pgbouncer_client_limit",
      { path: failed("client_limit") },
      `max_client_conn 50 (${o}maxClientConnections), DATABASE_CONNECTION_LIMIT 10 (${o}connectionLimit)`,
    ],
    [
      "pgbouncer_paused",
      { path: failed("disabled") },
      `query_wait_timeout 5 s (${o}queryWaitTimeoutSeconds)`,
    ],
    [
      "app_pool_leak",
      { leaks: leak(1) },
      `DATABASE_CONNECTION_LIMIT 10 (${o}connectionLimit), DATABASE_TRANSACTION_TIMEOUT 15 s (${o}transactionTimeoutSeconds)`,
    ],
    [
      "idle_in_transaction",
      {
        limits: { ...limits, idleInTransactionTimeoutSeconds: 0 },
        postgres: doing({ idleInTransaction: [idle] }),
      },
      `idle_in_transaction_session_timeout off (${o}idleInTransactionTimeoutSeconds), DATABASE_TRANSACTION_TIMEOUT 15 s (${o}transactionTimeoutSeconds)`,
    ],
    [
      "app_pool_exhausted",
      { pool: { ...application, longestWaitMs: 2500 }, pgbouncer: null },
      `DATABASE_CONNECTION_LIMIT 10 (${o}connectionLimit), DATABASE_ACQUIRE_TIMEOUT 10 s (${o}poolTimeoutSeconds)`,
    ],
  ])("names the settings in force, as far as they were seen: %s", (cause, change, now) => {
    const verdict = verdictOf({ ...healthy, ...change });
    expect(verdict.cause).toBe(cause);
    expect(verdict.advice?.split(" Now: ")[1]).toBe(`${now}.`);
  });

  it("names no settings where an advice is about none", () => {
    expect(verdictOf({ ...healthy, path: failed("login") }).advice).not.toContain("Now:");
  });

  it("says when Postgres answers the application while PgBouncer cannot connect to it", () => {
    const cutOff = { ...healthy, path: failed("upstream_down") };
    expect(verdictOf(cutOff).output).toBe(
      "PgBouncer cannot connect to Postgres, which answers the application directly.",
    );
    expect(verdictOf({ ...cutOff, postgres: null }).output).toBe("PgBouncer cannot connect to Postgres.");
  });

  it("names the code that leaks", () => {
    expect(verdictOf({ ...healthy, leaks: leak(2) }).output).toBe(
      "2 pool connections are kept without work, the oldest for 31 s by GET /api/report.",
    );
  });

  it("says with an exhausted pool both who holds it and what that does", () => {
    const { output } = verdictOf({
      ...healthy,
      pool: gaveUp,
      pgbouncer: busy,
      postgres: doing({ idleInTransaction: Array(4).fill(idle) }),
    });
    expect(output).toBe(
      "4 sessions sit idle in a transaction, the longest pid 77 (poolkit-app, poolkit_app) for 5 s. " +
        "Work gave up waiting for one of the 10 connections of the application's pool.",
    );
  });
});

it("says of names that do not resolve that the containers may be stopped: Docker knows no name of those", () => {
  const { output, advice } = verdictOf({ ...healthy, path: failed("dns"), postgres: failed("dns") });
  expect(output).toContain("both containers are stopped");
  expect(advice).toMatch(/^Check that both containers run/);
});

describe("the thresholds", () => {
  it.each([
    [undefined, 3],
    [0, 3],
    [2, 1],
    [4, 1],
    [8, 2],
    [12, 3],
    [60, 3],
  ])("are a quarter of a limit of %s s, between one second and three: %s s", (limit, seconds) => {
    const role = limit === undefined ? null : { ...limits, lockTimeoutSeconds: limit };
    expect(thresholdsOf(role, 8, limit)).toMatchObject({
      lockWait: seconds,
      acquireWait: 2,
      pgbouncerWait: seconds,
    });
  });

  it.each<[string, Partial<Observation>]>([
    ["lock_wait", { postgres: doing({ lockWaits: [lockWait({ waitedSeconds: 1.25 })] }) }],
    ["idle_in_transaction", { postgres: doing({ idleInTransaction: [{ ...idle, seconds: 3 }] }) }],
    ["slow_queries", { postgres: doing({ active: [session({ seconds: 3 })] }) }],
    ["pgbouncer_pool_exhausted", { pgbouncer: withPool({ maxwaitSeconds: 1.25 }) }],
  ])("are reached by what lasts as long as they say: %s", (cause, change) => {
    expect(verdictOf({ ...healthy, ...change })).toMatchObject({ status: "warn", cause });
  });
});

describe("the root of an exhausted pool", () => {
  const others = { ...idle, pid: 90, user: "dba", applicationName: "psql" };

  it("is told of the sessions that have the application's connections", () => {
    const idling = Array.from({ length: 3 }, (_, pid) => ({ ...idle, pid, seconds: 4 }));
    const seenNow = {
      pool: gaveUp,
      pgbouncer: busy,
      postgres: doing({ idleInTransaction: [others, ...idling] }),
    };
    const { output } = verdictOf({ ...healthy, ...seenNow });
    expect(output).toMatch(/^3 sessions sit idle in a transaction, the longest pid 0 \(poolkit-app/);
  });

  it("counts somebody else's transaction that keeps the application's sessions waiting", () => {
    const blocked = lockWait({ blockedBy: [others] });
    const against = holdersAgainst(
      {
        lockWaits: [blocked],
        idleInTransaction: [others, { ...others, pid: 91 }],
        slowQueries: [],
        leaks: null,
      },
      "poolkit_app",
    );
    expect(against.idleInTransaction).toEqual([others]);
    expect(against.lockWaits).toEqual([blocked]);
  });
});

describe("healthBody", () => {
  it("counts as waiting whom the pool lets wait, not work that pauses between two attempts", () => {
    const counts = { totalCount: 10, idleCount: 0, waitingCount: 6 };
    const { metrics, pool } = healthBody(
      { ...healthy, pool: { ...application, running: 19, counts } },
      context,
    );
    expect([metrics.queues.application, pool.application.waitingCount]).toEqual([6, 6]);
    const standard = healthBody({ ...healthy, pool: { ...application, running: 19, counts: null } }, context);
    expect(standard.metrics.queues.application).toBe(9);
  });

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
      metrics: {
        sessions: { total: 3, byStatus: { OPEN: 3 } },
        queues: { application: 0, pgbouncer: 0 },
        requests: { underWay: 1, total: 7 },
        pendingMigrations: [],
      },
      holders: {
        lockWaits: { count: 0, oldest: [] },
        idleInTransaction: { count: 0, oldest: [] },
        slowQueries: { count: 0, oldest: [] },
        leaks: null,
      },
      configuration: {
        revision: "r",
        values: { DATABASE_CONNECTION_LIMIT: { value: 10, unit: "connections", source: "default" } },
      },
    });
    expect(body).not.toHaveProperty("output");
    expect(Object.keys(body.checks).sort()).toEqual([
      "pgbouncer:connections",
      "pgbouncer:responseTime",
      "pgbouncer:utilization",
      "pool:connections",
      "pool:utilization",
      "postgres:connections",
      "postgres:responseTime",
      "postgres:write",
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

  it("says how much of a pool is in use, and which pool is not well", () => {
    const used = { ...application, counts: { totalCount: 8, idleCount: 1, waitingCount: 0 } };
    const half = healthBody(
      { ...healthy, pool: used, pgbouncer: withPool({ sv_active: 2 }) },
      context,
    ).checks;
    expect(half["pool:utilization"]).toMatchObject([
      { observedValue: 70, observedUnit: "percent", status: "pass" },
    ]);
    expect(half["pgbouncer:utilization"]).toMatchObject([
      { componentType: "datastore", observedValue: 40, observedUnit: "percent", status: "pass" },
    ]);
    const full = withPool({ sv_active: 5, maxwaitSeconds: 2 });
    expect(
      healthBody({ ...healthy, pgbouncer: full }, context).checks["pgbouncer:utilization"],
    ).toMatchObject([
      { observedValue: 100, status: "warn", output: expect.stringContaining("Clients have waited") },
    ]);
    const standard = { ...application, counts: null, running: 25 };
    expect(healthBody({ ...healthy, pool: standard }, context).checks["pool:utilization"]).toMatchObject([
      { observedValue: 100 },
    ]);
  });

  it.each<[string, Partial<Observation>]>([
    ["healthy", {}],
    ["nothing seen", { path: failed("dns"), postgres: null, pgbouncer: null, disk: null, limits: null }],
    ["everything failed", { path: failed("timeout"), postgres: failed("login"), pgbouncer: failed("dns") }],
    ["exhausted", { pool: gaveUp, pgbouncer: busy, leaks: leak(2) }],
    ["standard mode", { pool: { ...application, mode: "standard", counts: null } }],
    ["holders", { postgres: doing({ lockWaits: [lockWait()], idleInTransaction: [idle] }) }],
  ])("is what the documentation describes: %s", (_what, change) => {
    const body = healthBody({ ...healthy, ...change }, context);
    expect(healthSchema.safeParse(JSON.parse(JSON.stringify(body))).error?.issues).toBeUndefined();
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
