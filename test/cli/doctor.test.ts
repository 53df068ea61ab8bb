import { describe, expect, it } from "vitest";
import { bounded } from "../../cli/doctor/bounded.ts";
import { causes } from "../../cli/doctor/causes.ts";
import { deployedIn } from "../../cli/doctor/deployed.ts";
import { failureOf } from "../../cli/doctor/failure.ts";
import { exitCodeOf, findingsIn, findingsOf } from "../../cli/doctor/findings.ts";
import type { Observation } from "../../cli/doctor/look.ts";
import { backendIn, type ContainerSeen, diskIn } from "../../cli/doctor/look-engine.ts";
import type { PgBouncerSeen } from "../../cli/doctor/look-pgbouncer.ts";
import type { PostgresSeen, SessionRow } from "../../cli/doctor/look-postgres.ts";
import { jsonReport, textReport } from "../../cli/doctor/report.ts";
import { millisecondsOf } from "../../cli/doctor/rules/drift.ts";
import { duration, oneLine } from "../../cli/doctor/text.ts";
import { engineNames } from "../../infra/names.ts";

const names = engineNames("shop");
const place = { stack: "shop", names, limits: { postgres: 100, pgbouncerPool: 5 } };

const saw = <Seen>(seen: Seen) => ({ ok: true, seen, milliseconds: 1 }) as const;
const missed = (failure: "unreachable" | "timeout" | "login" | "client_limit", message: string = failure) =>
  ({ ok: false, failure, message, milliseconds: 1 }) as const;
const refused = (message: string) =>
  ({ ok: false, failure: "connections_exhausted", message, milliseconds: 1 }) as const;

function container(name: string, alias: string, change: Partial<ContainerSeen> = {}): ContainerSeen {
  return {
    name,
    state: "running",
    exitCode: 0,
    oomKilled: false,
    restarts: 0,
    sinceSeconds: 60,
    isHealthy: true,
    failingCheck: null,
    network: names.network,
    isOnNetwork: true,
    alias,
    hasAlias: true,
    id: `${name}0123456789abcdef`,
    address: "172.30.0.2",
    openFilesLimit: null,
    lastLines: [],
    memory: { usedBytes: 1, limitBytes: 100 },
    ...change,
  };
}

const session = (change: Partial<SessionRow>): SessionRow => ({
  pid: 1,
  usename: "poolkit_app",
  application_name: "orders",
  state: "idle",
  state_seconds: 0,
  wait_event_type: "Client",
  blocked_by: [],
  ...change,
});

const pool = {
  ...{ database: "poolkit", user: "poolkit_app", cl_active: 1, cl_waiting: 0, sv_active: 0, sv_idle: 2 },
  ...{ sv_used: 0, sv_login: 0, maxwait: 0, maxwait_us: 0 },
};
const database = {
  ...{ name: "poolkit", pool_size: 5, reserve_pool_size: 2, max_connections: 10, current_connections: 2 },
  ...{ paused: 0, disabled: 0 },
};

const role = {
  ...{ name: "poolkit_app", pool_size: "", reserve_pool_size: "" },
  ...{ max_user_connections: 0, current_connections: 2 },
};

const config = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([key, value]) => [key, { value, default: value }]));

const console_: PgBouncerSeen = {
  version: "1.26.1",
  state: { active: "yes", paused: "no", suspended: "no" },
  pools: [pool],
  databases: [database],
  users: [role],
  hosts: [{ hostname: `${names.postgres}01`, addrs: "172.30.0.2:0" }],
  lists: { used_clients: 2, used_servers: 2 },
  config: config({ max_client_conn: "50", default_pool_size: "5" }),
};

const postgres_: PostgresSeen = {
  version: "18.6",
  clockAheadSeconds: 0,
  maxConnections: 100,
  reservedConnections: 3,
  sessions: [session({})],
  roleSettings: { statement_timeout: "30s", search_path: "app" },
  roleWideSettings: ["statement_timeout", "search_path"],
  role: { canLogin: true, connectionLimit: 12, isExpired: false },
  straySettings: [],
  databaseSettings: { database: "", names: [] },
};

const deployed_ = {
  dockerHost: undefined,
  outputs: { databaseUrl: "postgresql://a", monitorUrl: "postgresql://b", consoleUrl: "postgresql://c" },
  pgbouncerSettings: { max_client_conn: "50", default_pool_size: "5" },
  roleSettings: { statement_timeout: "30000", search_path: "app" },
  roleConnectionLimit: 12,
  migrations: ["1_init"],
  schema: "app",
  containers: [names.postgres, names.pgbouncer, names.app],
  appRevision: "0123456789abcdef",
  pendingOperations: 0,
};

const well: Observation = {
  engine: saw({ version: "20.10", clockAheadSeconds: 0 }),
  containers: {
    postgres: saw(container(names.postgres, "postgres")),
    pgbouncer: saw(container(names.pgbouncer, "pgbouncer", { openFilesLimit: 4096 })),
    app: saw(container(names.app, "app")),
  },
  observers: {},
  outOfMemory: saw([]),
  disk: saw({ usedBytes: 20, availableBytes: 80 }),
  backends: saw(["poolkit_owner: idle", "poolkit_owner: idle", "poolkit_app: idle in transaction"]),
  console: saw(console_),
  postgres: saw(postgres_),
  path: saw({ firstAnswerMilliseconds: 3, migrations: ["1_init"] }),
  login: saw(true as const),
  health: { reached: true, body: { status: "pass" } },
  deployed: saw(deployed_),
};

const withConsole = (change: Partial<PgBouncerSeen>): Observation => ({
  ...well,
  console: saw({ ...console_, ...change }),
});
const withPostgres = (change: Partial<PostgresSeen>): Observation => ({
  ...well,
  postgres: saw({ ...postgres_, ...change }),
});
const withContainer = (component: "postgres" | "pgbouncer" | "app", change: Partial<ContainerSeen>) => ({
  ...well,
  containers: { ...well.containers, [component]: saw(container(names[component], component, change)) },
});
const withObserver = (looked: NonNullable<Observation["observers"]["prometheus"]>): Observation => ({
  ...well,
  observers: { prometheus: looked, pgbouncerExporter: saw(container(names.pgbouncerExporter, "x")) },
});
const withDisk = (usedBytes: number, availableBytes: number): Observation => ({
  ...well,
  disk: saw({ usedBytes, availableBytes }),
});
const withEngineClock = (clockAheadSeconds: number): Observation => ({
  ...well,
  engine: saw({ version: "20.10", clockAheadSeconds }),
});
const withRevision = (revision: string | undefined): Observation => ({
  ...well,
  health: { reached: true, body: { status: "pass", configuration: { revision } } },
});
const fullPool = { pools: [{ ...pool, sv_active: 7, sv_idle: 0, cl_waiting: 3, maxwait: 4 }] };

const failedPath = (failure: "upstream_down" | "connections_exhausted" | "other") =>
  ({ ok: false, failure, message: failure, milliseconds: 1 }) as const;
const lateAnswer = saw({ firstAnswerMilliseconds: 4000, migrations: ["1_init"] });

const withPool = (change: Partial<PgBouncerSeen["pools"][number]>) =>
  withConsole({ pools: [{ ...pool, sv_active: 7, sv_idle: 0, cl_waiting: 3, maxwait: 4, ...change }] });
const notHere = "connect ECONNREFUSED 127.0.0.1:1";
const portRefused = {
  ...{ postgres: missed("unreachable", notHere), login: missed("unreachable", notHere) },
  ...{ console: missed("unreachable", notHere), path: missed("unreachable", notHere) },
  health: { reached: false, reason: `http://127.0.0.1:1 does not answer: ${notHere}` },
} as const;

const named = (seen: Observation) =>
  findingsOf(seen, place).map(({ severity, cause }) => `${severity} ${cause}`);

describe("findings", () => {
  it("are none where nothing is wrong", () => {
    expect(findingsOf(well, place)).toEqual([]);
  });

  const cases: [string, Observation, string[]][] = [
    [
      "engine gone, and with it every look through it",
      {
        ...{ ...well, engine: missed("unreachable"), outOfMemory: missed("unreachable") },
        ...{ disk: missed("unreachable"), backends: missed("unreachable") },
        containers: {
          ...{ postgres: missed("unreachable"), pgbouncer: missed("unreachable") },
          app: missed("unreachable"),
        },
      },
      ["fail engine_unreachable"],
    ],
    [
      "engine gone, state unreadable",
      { ...well, engine: missed("unreachable"), deployed: missed("timeout") },
      ["fail engine_unreachable", "fail state_unreadable"],
    ],
    ["state unreadable", { ...well, deployed: missed("timeout") }, ["fail state_unreadable"]],
    [
      "first up failed, and what it has made does not answer: nobody had the addresses to ask",
      {
        ...withContainer("postgres", { failingCheck: "no response" }),
        deployed: saw({ ...deployed_, outputs: {} }),
        ...{ console: null, postgres: null, path: null, login: null, health: null },
      },
      ["fail not_deployed", "fail postgres_unreachable"],
    ],
    ["first up failed", { ...well, deployed: saw({ ...deployed_, outputs: {} }) }, ["fail not_deployed"]],
    [
      "up running or killed",
      { ...well, deployed: saw({ ...deployed_, pendingOperations: 1 }) },
      ["warn update_interrupted"],
    ],
    [
      "a stack of a version without monitor",
      { ...well, deployed: saw({ ...deployed_, outputs: { ...deployed_.outputs, monitorUrl: undefined } }) },
      ["warn monitoring_incomplete"],
    ],
    [
      "a stack of a version without console",
      { ...well, deployed: saw({ ...deployed_, outputs: { ...deployed_.outputs, consoleUrl: undefined } }) },
      ["warn monitoring_incomplete"],
    ],
    ["a disk not seen", { ...well, disk: missed("timeout") }, []],
    ["disk below 90 %", withDisk(899, 101), []],
    ["disk nearly full", withDisk(900, 100), ["warn disk_full"]],
    ["disk below 97 %", withDisk(969, 31), ["warn disk_full"]],
    ["a large disk as full, with room for long", withDisk(98e9, 2e9), ["warn disk_full"]],
    ["a large disk with less than 2 GB", withDisk(98e9, 2e9 - 1), ["fail disk_full"]],
    ["disk full", withDisk(970, 30), ["fail disk_full"]],
    [
      "Postgres died of something else",
      withContainer("postgres", { state: "stopped", exitCode: 1, lastLines: ["FATAL:  out of memory"] }),
      ["fail postgres_unreachable"],
    ],
    [
      "Postgres' container missing",
      { ...well, containers: { ...well.containers, postgres: saw(null) } },
      ["fail postgres_unreachable"],
    ],
    [
      "Postgres' container cannot be inspected",
      { ...well, containers: { ...well.containers, postgres: missed("timeout") } },
      ["warn monitoring_incomplete"],
    ],
    [
      "Postgres died of a full disk",
      withContainer("postgres", {
        state: "stopped",
        exitCode: 1,
        lastLines: ['PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device'],
      }),
      ["fail disk_full", "fail postgres_unreachable"],
    ],
    [
      "killed at its memory limit",
      withContainer("app", { state: "stopped", exitCode: 137, oomKilled: true }),
      ["fail out_of_memory", "fail app_unreachable"],
    ],
    [
      "a process was killed at the memory limit, the container lives",
      { ...well, outOfMemory: saw([{ container: names.postgres, secondsAgo: 30 }]) },
      ["warn out_of_memory"],
    ],
    [
      "memory nearly used up",
      withContainer("app", { memory: { usedBytes: 90, limitBytes: 100 } }),
      ["warn out_of_memory"],
    ],
    [
      "nine tenths of the memory not used up",
      withContainer("app", { memory: { usedBytes: 899, limitBytes: 1000 } }),
      [],
    ],
    ["no memory limit seen", withContainer("app", { memory: null }), []],
    ["off the network", withContainer("app", { isOnNetwork: false, hasAlias: false }), ["fail dns"]],
    ["no alias", withContainer("postgres", { hasAlias: false }), ["fail dns"]],
    [
      "container missing",
      { ...well, containers: { ...well.containers, app: saw(null) } },
      ["fail app_unreachable"],
    ],
    ["container paused", withContainer("pgbouncer", { state: "paused" }), ["fail pgbouncer_unreachable"]],
    ["container in a restart loop", withContainer("app", { state: "restarting" }), ["fail app_unreachable"]],
    ["restarted lately", withContainer("app", { restarts: 2 }), ["warn container_restarting"]],
    [
      "restarted within ten minutes",
      withContainer("app", { restarts: 2, sinceSeconds: 599 }),
      ["warn container_restarting"],
    ],
    ["restarted ten minutes ago", withContainer("app", { restarts: 2, sinceSeconds: 600 }), []],
    ...(["postgres", "pgbouncer", "app"] as const).map((component): [string, Observation, string[]] => [
      `own health check of ${component} is late, service answers`,
      withContainer(component, { failingCheck: "timeout" }),
      [],
    ]),
    ["memory not seen", { ...well, outOfMemory: missed("timeout") }, []],
    [
      "PgBouncer has no server connection yet",
      {
        ...withConsole({ pools: [{ ...pool, sv_idle: 0, cl_waiting: 2 }] }),
        path: missed("timeout"),
        health: { reached: true, body: { status: "fail", cause: "pgbouncer_pool_exhausted" } },
      },
      ["fail postgres_unreachable"],
    ],
    [
      "a queue that only the application saw: the doctor came when it was gone, and knows no better name",
      {
        ...well,
        path: { ok: false, failure: "queue_timeout", message: "query_wait_timeout", milliseconds: 1 },
        health: { reached: true, body: { status: "fail", cause: "pgbouncer_pool_exhausted" } },
      },
      ["fail pgbouncer_pool_exhausted", "fail query_failing"],
    ],
    [
      "pool exhausted by its role's own size, as the application says",
      {
        ...withConsole({
          pools: [{ ...pool, sv_active: 2, sv_idle: 0, cl_waiting: 3 }],
          users: [{ ...role, pool_size: "2" }],
        }),
        path: missed("timeout"),
        health: { reached: true, body: { status: "fail", cause: "pgbouncer_pool_exhausted" } },
      },
      ["fail pgbouncer_pool_exhausted"],
    ],
    [
      "Postgres gone",
      { ...well, postgres: missed("unreachable"), login: missed("unreachable"), path: missed("timeout") },
      ["fail postgres_unreachable"],
    ],
    [
      "PgBouncer gone",
      { ...well, console: missed("unreachable"), path: missed("unreachable") },
      ["fail pgbouncer_unreachable"],
    ],
    ["ports of an engine elsewhere", { ...well, ...portRefused }, ["fail ports_elsewhere"]],
    [
      "the same of a container that is not healthy yet",
      {
        ...withContainer("postgres", { isHealthy: false }),
        ...{ postgres: portRefused.postgres, login: portRefused.login },
      },
      ["fail postgres_unreachable"],
    ],
    [
      "the same of a container that lost its network, and its port with it",
      { ...withContainer("app", { isOnNetwork: false, hasAlias: false }), health: portRefused.health },
      ["fail dns", "fail app_unreachable"],
    ],
    ["monitor refused", { ...well, console: missed("login") }, ["warn monitoring_incomplete"]],
    [
      "no connection left",
      {
        ...well,
        postgres: refused("sorry, too many clients already"),
        login: refused("sorry, too many clients already"),
      },
      ["fail postgres_connections_exhausted"],
    ],
    [
      "no connection left but the reserved",
      {
        ...well,
        postgres: refused("remaining connection slots are reserved for roles with the SUPERUSER attribute"),
      },
      ["fail postgres_connections_exhausted"],
    ],
    [
      "the monitor's own limit is no exhaustion",
      { ...well, postgres: refused('too many connections for role "poolkit_monitor"') },
      ["warn monitoring_incomplete"],
    ],
    [
      "connections nearly used up",
      withPostgres({ sessions: Array.from({ length: 80 }, (_, pid) => session({ pid })) }),
      ["warn postgres_connections_exhausted"],
    ],
    ["client limit", { ...well, path: missed("client_limit") }, ["fail pgbouncer_client_limit"]],
    [
      "clients near their limit",
      withConsole({ lists: { used_clients: 41, used_servers: 2 } }),
      ["warn pgbouncer_client_limit"],
    ],
    [
      "password differs, nothing works",
      { ...well, path: missed("login"), login: missed("login") },
      ["fail login_failing"],
    ],
    [
      "PgBouncer says that it cannot reach Postgres",
      { ...well, path: failedPath("upstream_down") },
      ["fail postgres_unreachable"],
    ],
    [
      "PgBouncer looks for Postgres where it was before its last start",
      {
        ...withContainer("postgres", { address: "172.30.0.5" }),
        path: failedPath("upstream_down"),
        health: { reached: true, body: { status: "fail", cause: "postgres_unreachable" } },
      },
      ["fail stale_address"],
    ],
    [
      "the same, from where nobody answers",
      { ...withContainer("postgres", { address: "172.30.0.5" }), path: missed("timeout") },
      ["fail stale_address"],
    ],
    [
      "the same address among others",
      {
        ...withConsole({ hosts: [{ hostname: `${names.postgres}01`, addrs: "172.30.0.9:0,172.30.0.2:0" }] }),
        path: failedPath("upstream_down"),
      },
      ["fail postgres_unreachable"],
    ],
    [
      "a name that PgBouncer does not know",
      {
        ...withConsole({ hosts: [{ hostname: `${names.postgres}01`, addrs: "" }] }),
        path: failedPath("upstream_down"),
      },
      ["fail postgres_unreachable"],
    ],
    ["another address and a way that works", withContainer("postgres", { address: "172.30.0.5" }), []],
    [
      "PgBouncer says that Postgres has no connection left",
      { ...well, path: failedPath("connections_exhausted") },
      ["fail postgres_connections_exhausted"],
    ],
    ["an error without a name", { ...well, path: failedPath("other") }, ["fail query_failing"]],
    [
      "neither PgBouncer's console nor the way through it answers",
      { ...well, console: missed("timeout"), path: missed("timeout") },
      ["fail pgbouncer_unreachable"],
    ],
    [
      "no answer in time, because Postgres has no connection left",
      { ...well, postgres: refused("sorry, too many clients already"), path: missed("timeout") },
      ["fail postgres_connections_exhausted"],
    ],
    [
      "no answer in time, because the password differs",
      { ...well, login: missed("login"), path: missed("timeout") },
      ["fail login_failing"],
    ],
    [
      "no connection left for the application's own login",
      { ...well, login: refused('too many connections for role "poolkit_app"') },
      ["warn postgres_connections_exhausted"],
    ],
    ["no such role", withPostgres({ role: null }), ["fail login_failing"]],
    [
      "a full pool in which a client has waited for a second",
      withPool({ maxwait: 0, maxwait_us: 1_000_000 }),
      ["warn pgbouncer_pool_exhausted"],
    ],
    ["a full pool in which nobody waits for a second", withPool({ maxwait: 0, maxwait_us: 900_000 }), []],
    ["a full pool in which nobody waits", withPool({ cl_waiting: 0 }), []],
    ["a queue while PgBouncer opens connections", withPool({ sv_active: 3 }), []],
    ["a queue while a connection is idle", withPool({ sv_idle: 1 }), []],
    [
      "a queue of a pool without a limit",
      withConsole({ ...fullPool, databases: [{ ...database, pool_size: 0 }] }),
      [],
    ],
    ...[{ sv_used: 1 }, { cl_waiting: 0 }].map((change): [string, Observation, string[]] => [
      `no answer in time, and not for want of a server connection (${Object.keys(change)})`,
      {
        ...withPool({ sv_active: 0, ...change }),
        path: missed("timeout"),
      },
      ["fail query_failing"],
    ]),
    [
      "a full pool that lets a new connection wait",
      { ...withConsole({ pools: [{ ...pool, sv_active: 7, sv_idle: 0 }] }), path: lateAnswer },
      ["warn pgbouncer_pool_exhausted"],
    ],
    ["a late answer, with connections to spare", { ...well, path: lateAnswer }, []],
    [
      "a container that cannot be inspected",
      { ...well, containers: { ...well.containers, app: missed("timeout") } },
      ["warn monitoring_incomplete"],
    ],
    [
      "another limit of the role's connections",
      withPostgres({ role: { canLogin: true, connectionLimit: 13, isExpired: false } }),
      ["warn configuration_drift"],
    ],
    ["another max_connections", withPostgres({ maxConnections: 90 }), ["warn configuration_drift"]],
    [
      "a setting of PgBouncer that nobody deployed",
      withConsole({ config: new Map([...console_.config, ["query_timeout", { value: "5", default: "0" }]]) }),
      ["warn configuration_drift"],
    ],
    [
      "settings of PgBouncer at their defaults, the empty one of a number included",
      withConsole({
        config: new Map([
          ...console_.config,
          ["query_timeout", { value: "0", default: "0" }],
          ["max_db_connections", { value: "0", default: "" }],
          ["conffile", { value: "/etc/pgbouncer.ini", default: "" }],
        ]),
      }),
      [],
    ],
    ["password differs, old connections work", { ...well, login: missed("login") }, ["warn login_failing"]],
    [
      "role may not log in",
      withPostgres({ role: { canLogin: false, connectionLimit: 12, isExpired: false } }),
      ["fail login_failing"],
    ],
    [
      "password expired",
      withPostgres({ role: { canLogin: true, connectionLimit: 12, isExpired: true } }),
      ["fail login_failing"],
    ],
    [
      "paused",
      { ...withConsole({ databases: [{ ...database, paused: 1 }] }), path: missed("timeout") },
      ["fail pgbouncer_paused"],
    ],
    ["disabled", withConsole({ databases: [{ ...database, disabled: 1 }] }), ["fail pgbouncer_paused"]],
    [
      "pool exhausted by nobody to see",
      { ...withConsole(fullPool), path: missed("timeout") },
      ["fail pgbouncer_pool_exhausted"],
    ],
    ["queue in front of a full pool", withConsole(fullPool), ["warn pgbouncer_pool_exhausted"]],
    [
      "queue in front of a pool that is full by its role's own size",
      withConsole({
        pools: [{ ...pool, sv_active: 2, sv_idle: 0, cl_waiting: 3, maxwait: 4 }],
        users: [{ ...role, pool_size: "2" }],
      }),
      ["warn pgbouncer_pool_exhausted"],
    ],
    [
      "queue in front of a pool whose role has all its connections",
      withConsole({
        pools: [{ ...pool, sv_active: 2, sv_idle: 0, cl_waiting: 3, maxwait: 4 }],
        users: [{ ...role, max_user_connections: 2 }],
      }),
      ["warn pgbouncer_pool_exhausted"],
    ],
    [
      "a database at its cap whose connections are idle is not exhausted",
      {
        ...withConsole({
          pools: [{ ...pool, sv_idle: 0, sv_used: 2, cl_waiting: 1, maxwait: 4 }],
          databases: [{ ...database, max_connections: 2 }],
        }),
        path: missed("timeout"),
        postgres: missed("timeout"),
      },
      ["fail postgres_unreachable"],
    ],
    [
      "a pool that is busy but keeps nobody waiting is fine",
      withConsole({ pools: [{ ...pool, sv_active: 5, sv_idle: 0 }] }),
      [],
    ],
    [
      "pool exhausted by idle transactions: they come first and count as failures",
      {
        ...withPostgres({ sessions: [session({ state: "idle in transaction", state_seconds: 9 })] }),
        console: saw({ ...console_, ...fullPool }),
        path: missed("timeout"),
      },
      ["fail idle_in_transaction", "fail pgbouncer_pool_exhausted"],
    ],
    [
      "idle in transaction, aborted too",
      withPostgres({ sessions: [session({ state: "idle in transaction (aborted)", state_seconds: 2 })] }),
      ["warn idle_in_transaction"],
    ],
    [
      "a transaction that pauses shortly is fine",
      withPostgres({ sessions: [session({ state: "idle in transaction", state_seconds: 1 })] }),
      [],
    ],
    [
      "lock wait behind an idle transaction",
      withPostgres({
        sessions: [
          session({ pid: 7, state: "idle in transaction", state_seconds: 20 }),
          session({ pid: 8, state: "active", state_seconds: 9, wait_event_type: "Lock", blocked_by: [7] }),
        ],
      }),
      ["warn idle_in_transaction", "warn lock_wait"],
    ],
    [
      "slow query",
      withPostgres({ sessions: [session({ state: "active", state_seconds: 6, wait_event_type: null })] }),
      ["warn slow_queries"],
    ],
    [
      "migration missing",
      { ...well, path: saw({ firstAnswerMilliseconds: 3, migrations: [] }) },
      ["fail migration_pending"],
    ],
    [
      "migrations table not readable says nothing",
      { ...well, path: saw({ firstAnswerMilliseconds: 3, migrations: null }) },
      [],
    ],
    [
      "application gone",
      { ...well, health: { reached: false, reason: "does not answer" } },
      ["fail app_unreachable"],
    ],
    [
      "application that runs with another token",
      { ...well, health: { reached: false, reason: "refuses the stack's token", isRefused: true } },
      ["fail configuration_drift"],
    ],
    [
      "what only the application sees",
      { ...well, health: { reached: true, body: { status: "warn", cause: "app_pool_leak" } } },
      ["warn app_pool_leak"],
    ],
    [
      "a cause that this version does not know comes last",
      {
        ...withContainer("app", { restarts: 1 }),
        health: { reached: true, body: { status: "warn", cause: "moon_phase" } },
      },
      ["warn container_restarting", "warn moon_phase"],
    ],
    [
      "both containers stopped, whose names the application therefore does not find",
      {
        ...well,
        containers: {
          ...well.containers,
          postgres: saw(container(names.postgres, "postgres", { state: "stopped", exitCode: 0 })),
          pgbouncer: saw(container(names.pgbouncer, "pgbouncer", { state: "stopped", exitCode: 0 })),
        },
        health: { reached: true, body: { status: "fail", cause: "dns" } },
      },
      ["fail postgres_unreachable", "fail pgbouncer_unreachable"],
    ],
    [
      "names that do not resolve though everything runs",
      { ...well, health: { reached: true, body: { status: "fail", cause: "dns" } } },
      ["fail dns"],
    ],
    [
      "an own application's status",
      { ...well, health: { reached: true, body: { status: "fail", cause: "answered 503 without a body" } } },
      ["fail app_unreachable"],
    ],
    [
      "PgBouncer's setting changed live",
      withConsole({ config: config({ max_client_conn: "50", default_pool_size: "3" }) }),
      ["warn configuration_drift"],
    ],
    [
      "role's setting changed",
      withPostgres({ roleSettings: { ...postgres_.roleSettings, statement_timeout: "1s" } }),
      ["warn configuration_drift"],
    ],
    [
      "role's schema written otherwise",
      withPostgres({ roleSettings: { ...postgres_.roleSettings, search_path: '"app"' } }),
      [],
    ],
    [
      "ALTER SYSTEM",
      withPostgres({ straySettings: [{ name: "jit", reason: "ALTER SYSTEM" }] }),
      ["warn configuration_drift"],
    ],
    [
      "ALTER DATABASE",
      withPostgres({ databaseSettings: { database: "poolkit", names: ["jit"] } }),
      ["warn configuration_drift"],
    ],
    ["clock of Postgres", withPostgres({ clockAheadSeconds: -2 }), ["warn clock_skew"]],
    ["clock of Postgres not two seconds away", withPostgres({ clockAheadSeconds: -1.9 }), []],
    ["clock of the engine", withEngineClock(2), ["warn clock_skew"]],
    ["clock of the engine not two seconds away", withEngineClock(1.9), []],
    [
      "Prometheus stopped",
      withObserver(saw(container(names.prometheus, "prometheus", { state: "stopped", exitCode: 137 }))),
      ["warn monitoring_incomplete"],
    ],
    ["Prometheus removed", withObserver(saw(null)), ["warn monitoring_incomplete"]],
    ["Prometheus not seen", withObserver(missed("timeout")), ["warn monitoring_incomplete"]],
    [
      "Prometheus unhealthy",
      withObserver(saw(container(names.prometheus, "prometheus", { failingCheck: "refused" }))),
      ["warn monitoring_incomplete"],
    ],
    ["Prometheus runs", withObserver(saw(container(names.prometheus, "prometheus"))), []],
    ["application runs other files", withRevision("fedcba9876543210"), ["warn configuration_drift"]],
    ["application runs the deployed files", withRevision("0123456789abcdef"), []],
    ["an own application that tells no revision", withRevision(undefined), []],
    ["descriptors", withContainer("pgbouncer", { openFilesLimit: 60 }), ["warn descriptors_low"]],
  ];

  it.each(cases)("%s", (_, seen, expected) => {
    expect(named(seen)).toEqual(expected);
  });

  const died = (change: Partial<ContainerSeen>) =>
    withContainer("app", { state: "stopped", exitCode: 1, sinceSeconds: 30, ...change });
  const outputs = { ...deployed_.outputs, monitorUrl: undefined };
  const app = "poolkit-shop-app";
  /** What was seen → the evidence of its first finding and, where it is the rule's own, the command to copy. */
  const told: [string, Observation, string[], string?][] = [
    [
      "the engine that does not answer",
      {
        ...{ ...well, engine: missed("unreachable", "connect ENOENT /run/other.sock") },
        deployed: saw({ ...deployed_, dockerHost: "unix:///run/other.sock" }),
      },
      ["Docker Engine does not answer at unix:///run/other.sock: connect ENOENT /run/other.sock"],
    ],
    [
      "the state that cannot be read",
      { ...well, deployed: missed("timeout", "no stack named 'shop' found") },
      ["stack shop: no stack named 'shop' found"],
    ],
    [
      "a stack of an older version",
      { ...well, deployed: saw({ ...deployed_, outputs }) },
      ["stack shop has no outputs monitorUrl and consoleUrl: it was deployed by an older version"],
      "npx poolkit up -s shop",
    ],
    [
      "an update cut short",
      { ...well, deployed: saw({ ...deployed_, pendingOperations: 2 }) },
      ["2 steps of an update began and have not ended"],
    ],
    [
      "a full disk",
      withDisk(9.789e9, 0.2119e9),
      ["the file system of the data volume is 97 % full, 211 MB free"],
    ],
    [
      "a clock behind",
      withPostgres({ clockAheadSeconds: -30 }),
      ["the clock of Postgres is 30 s behind this machine's"],
    ],
    ["a clock ahead", withEngineClock(2.5), ["the clock of Docker Engine is 2.5 s ahead of this machine's"]],
    [
      "a container that cannot be inspected",
      { ...well, containers: { ...well.containers, app: missed("timeout", "no answer within 4 s") } },
      [`container ${app} cannot be inspected: no answer within 4 s`],
    ],
    [
      "a missing container",
      { ...well, containers: { ...well.containers, app: saw(null) } },
      [`container ${app} does not exist`],
      "npx poolkit up -s shop",
    ],
    [
      "a paused container",
      withContainer("app", { state: "paused" }),
      [`container ${app} is paused`],
      `docker unpause ${app}`,
    ],
    [
      "a container in a restart loop",
      withContainer("app", { state: "restarting", restarts: 7, exitCode: 1, sinceSeconds: 3 }),
      [`container ${app} restarts again and again: 7 restarts, last exit code 1 3 s ago`],
      `docker logs --tail 50 ${app}`,
    ],
    [
      "a container that was stopped, whatever its log holds",
      died({ exitCode: 0, lastLines: ["FATAL:  terminating connection due to administrator command"] }),
      [`container ${app} is stopped: exit code 0, 30 s ago`],
      `docker start ${app}`,
    ],
    [
      "why a container died: the last line in which it says so, and no other line",
      died({ lastLines: ["FATAL:  a", "PANIC:  \x1b[31mb", "STATEMENT:  SELECT 's3cret', 'FATALLY'"] }),
      [`container ${app} is stopped: exit code 1, 30 s ago`, "its last words: PANIC: [31mb"],
      `docker start ${app}`,
    ],
    [
      "a container killed at its memory limit",
      died({ exitCode: 137, oomKilled: true }),
      [`container ${app} was killed at its memory limit, 30 s ago`],
    ],
    [
      "a container off its network",
      withContainer("app", { isOnNetwork: false, hasAlias: false }),
      [
        `container ${app} is not attached to the network ${names.network}: no name resolves in it, and nobody finds it`,
      ],
      `docker network connect --alias app ${names.network} ${app}`,
    ],
    [
      "a container without its alias",
      withContainer("app", { hasAlias: false }),
      [`container ${app} has no alias app in the network ${names.network}: nobody there finds it`],
      `docker network disconnect ${names.network} ${app} && docker network connect --alias app ${names.network} ${app}`,
    ],
    [
      "a restart",
      withContainer("app", { restarts: 1, sinceSeconds: 240 }),
      [`container ${app} was restarted 1 time, last 4 min ago`],
      `docker logs --tail 50 ${app}`,
    ],
    [
      "what a failing health check says",
      {
        ...withContainer("app", { failingCheck: "connect\nECONNREFUSED" }),
        health: { reached: false, reason: "no answer" },
      },
      [`the health check of container ${app} fails: connect ECONNREFUSED`, "no answer"],
    ],
    [
      "a health check that fails without a word",
      {
        ...withContainer("app", { failingCheck: "" }),
        health: { reached: false, reason: "no answer" },
      },
      [`the health check of container ${app} fails`, "no answer"],
    ],
    [
      "memory nearly used up",
      withContainer("app", { memory: { usedBytes: 240 * 2 ** 20, limitBytes: 256 * 2 ** 20 } }),
      [`container ${app} uses 240 of 256 MiB`],
    ],
    [
      "processes killed at the memory limit, by container",
      {
        ...well,
        outOfMemory: saw([
          { container: app, secondsAgo: 90 },
          { container: names.postgres, secondsAgo: 5 },
          { container: app, secondsAgo: 40 },
        ]),
      },
      [
        `container ${app} ran out of memory 2 times, last 40 s ago`,
        "container poolkit-shop-postgres ran out of memory 1 time, last 5 s ago",
      ],
    ],
    [
      "Prometheus removed",
      withObserver(saw(null)),
      ["container poolkit-shop-prometheus does not exist"],
      "npx poolkit up -s shop",
    ],
    [
      "Prometheus not seen",
      withObserver(missed("timeout", "no answer within 4 s")),
      ["container poolkit-shop-prometheus cannot be inspected: no answer within 4 s"],
    ],
  ];

  it.each(told)("tell %s", (_, seen, evidence, command) => {
    const [finding] = findingsOf(seen, place);
    expect(finding).toMatchObject({ evidence, ...(command === undefined ? {} : { command }) });
  });

  it("name the process, its age and a command that ends exactly that one", () => {
    const sessions = [
      session({ pid: 7, state: "idle in transaction", state_seconds: 20, application_name: "a\x1b[2Jb" }),
      session({ pid: 8, state: "active", state_seconds: 9, wait_event_type: "Lock", blocked_by: [7] }),
    ];
    const [idle, lock] = findingsOf(withPostgres({ sessions }), place);
    expect(idle).toMatchObject({
      evidence: ["pid 7 (poolkit_app, a [2Jb): idle in transaction for 20 s"],
      command: "docker exec poolkit-shop-postgres pg_ctl kill TERM 7",
    });
    expect(lock?.evidence[0]).toContain("waits for pid 7 (poolkit_app");
    expect(lock?.command).toBe("docker exec poolkit-shop-postgres pg_ctl kill TERM 7");
  });

  it("count the reserve among the connections that a pool has", () => {
    const [finding] = findingsOf(withPool({}), place);
    expect(finding?.evidence.join()).toContain("7 of 7 server connections busy, 3 clients wait");
  });

  it("name each container that is well and whose port is not here", () => {
    expect(findingsOf({ ...well, ...portRefused }, place)[0]?.evidence).toEqual([
      `container poolkit-shop-pgbouncer is healthy, its port is not here: through PgBouncer: ${notHere}`,
      `container poolkit-shop-postgres is healthy, its port is not here: direct connection to Postgres: ${notHere}`,
      `container poolkit-shop-pgbouncer is healthy, its port is not here: PgBouncer's console: ${notHere}`,
      `container poolkit-shop-app is healthy, its port is not here: http://127.0.0.1:1 does not answer: ${notHere}`,
    ]);
  });

  it("name who holds the connections when Postgres lets nobody in", () => {
    const [finding] = findingsOf({ ...well, postgres: refused("sorry, too many clients already") }, place);
    expect(finding?.evidence).toContain(
      "3 sessions, the most of: poolkit_owner: idle (2), poolkit_app: idle in transaction (1)",
    );
  });

  it("name the role's settings that nobody deployed, and a command that takes all of them back", () => {
    const drifted = (roleSettings: Record<string, string>, wide: string[] = []) => {
      const all = { ...postgres_.roleSettings, ...roleSettings };
      return findingsOf(withPostgres({ roleSettings: all, roleWideSettings: wide }), place);
    };
    const repair = "pulumi up --refresh -s shop && docker restart poolkit-shop-pgbouncer";
    const [unreadable] = drifted({ statement_timeout: "1s" }, ["statement_timeout"]);
    expect(unreadable?.command).toMatch(
      /ALTER ROLE poolkit_app RESET statement_timeout;.*pulumi up --refresh/,
    );
    expect(drifted({ statement_timeout: "1000" }, ["statement_timeout"])).toMatchObject([
      { command: repair },
    ]);
    const readOnly = { default_transaction_read_only: "on" };
    expect(drifted({ ...readOnly, search_path: "nowhere", "app.key": "s3cret" })).toMatchObject([
      {
        cause: "configuration_drift",
        evidence: [
          "role's search_path: deployed app, runs nowhere",
          "role's default_transaction_read_only: deployed nothing, runs on",
          "role's app.key: deployed nothing, runs a value",
        ],
        command: repair,
      },
    ]);
    // The kit's state knows nothing of what the role has in every database, but its own.
    expect(drifted({ search_path: "nowhere" }, ["search_path"])).toMatchObject([{ command: repair }]);
    const reset = "BEGIN READ WRITE; ALTER ROLE poolkit_app RESET default_transaction_read_only; COMMIT";
    expect(drifted(readOnly, Object.keys(readOnly))).toMatchObject([
      {
        evidence: ["role's default_transaction_read_only: deployed nothing, runs on, in every database"],
        command: `psql "$(pulumi stack output databaseUrl --show-secrets -s shop)" -c '${reset}' && ${repair}`,
      },
    ]);
  });

  it("name the command that starts Prometheus again", () => {
    const stopped = container(names.prometheus, "prometheus", { state: "stopped", exitCode: 0 });
    const [finding] = findingsOf(withObserver(saw(stopped)), place);
    expect(finding).toMatchObject({
      evidence: ["container poolkit-shop-prometheus is stopped: exit code 0, 60 s ago"],
      command: "docker start poolkit-shop-prometheus",
    });
  });

  it("name no session one by one when there are many", () => {
    const many = Array.from({ length: 9 }, (_, pid) =>
      session({ pid, state: "idle in transaction", state_seconds: 5 + pid }),
    );
    const [finding] = findingsOf(withPostgres({ sessions: many }), place);
    expect(finding?.evidence).toHaveLength(6);
    expect(finding?.evidence.at(-1)).toBe("and 4 more");
    // The command ends those that are named: the oldest.
    const pids = (text = "") => [...text.matchAll(/(?:pid|TERM) (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids(finding?.evidence.join())).toEqual([8, 7, 6, 5, 4]);
    expect(pids(finding?.command)).toEqual([8, 7, 6, 5, 4]);
  });

  it("take over the application's advice where it alone saw the cause", () => {
    const body = {
      status: "warn",
      cause: "app_pool_exhausted",
      advice: "raise X (now 3, from the file)",
    } as const;
    const alone = findingsOf({ ...well, health: { reached: true, body } }, place);
    expect(alone).toMatchObject([{ cause: "app_pool_exhausted", advice: "raise X (now 3, from the file)" }]);
    const idle = withPostgres({ sessions: [session({ state: "idle in transaction", state_seconds: 9 })] });
    const both = findingsOf(
      { ...idle, health: { reached: true, body: { ...body, cause: "idle_in_transaction" } } },
      place,
    );
    expect(both).toMatchObject([{ cause: "idle_in_transaction", advice: expect.stringContaining("COMMIT") }]);
  });

  it("merge the signs of one cause under its worst severity", () => {
    const merged = findingsIn(
      [
        { cause: "dns", severity: "warn", evidence: "one" },
        { cause: "dns", severity: "fail", evidence: "two", command: "do it" },
        { cause: "dns", severity: "warn", evidence: "one" },
      ],
      place,
    );
    expect(merged).toMatchObject([{ severity: "fail", evidence: ["one", "two"], command: "do it" }]);
  });

  it("tell nobody to run a second update where one may be running", () => {
    const drifted = withPostgres({ roleSettings: {} });
    const starting = saw({ ...deployed_, outputs: {}, pendingOperations: 1 });
    const findings = findingsOf({ ...drifted, deployed: starting }, place);
    const looking = "ps axww -o pid,etime,args | grep '[p]ulumi '";
    expect(findings.map(({ cause, command }) => [cause, command])).toEqual([
      ["not_deployed", looking],
      ["update_interrupted", looking],
      ["configuration_drift", looking],
    ]);
    expect(findings[1]).toMatchObject({
      evidence: ["1 step of an update began and has not ended"],
      advice: expect.stringMatching(/is running or was killed: wait for it\. .*npx poolkit up -s shop/),
    });
  });

  it("give the exit code by the worst", () => {
    const finding = (severity: "fail" | "warn") => ({
      severity,
      cause: "dns",
      evidence: [],
      advice: "",
      command: "",
    });
    expect(exitCodeOf([])).toBe(0);
    expect(exitCodeOf([finding("warn")])).toBe(1);
    expect(exitCodeOf([finding("warn"), finding("fail")])).toBe(2);
  });

  it.each(Object.entries(causes))(
    "%s has advice and a command that name the stack's own things",
    (_, cause) => {
      expect(cause.advice(place).length).toBeGreaterThan(20);
      expect(cause.command(place)).toMatch(/shop|docker|timedatectl|ps ax/);
    },
  );
});

describe("failureOf", () => {
  const error = (message: string, code?: string) => Object.assign(new Error(message), { code });
  it.each([
    [error("sorry, too many clients already", "53300"), "connections_exhausted"],
    [error("no more connections allowed (max_client_conn)", "08P01"), "client_limit"],
    [error("client connections exceeded (max_db_client_connections)", "08P01"), "client_limit"],
    [error("query_wait_timeout", "08P01"), "queue_timeout"],
    [
      error("server login has been failing, cached error: connect failed (server_login_retry)", "08P01"),
      "upstream_down",
    ],
    [
      error(
        'server login has been failing, cached error: password authentication failed for user "x"',
        "08P01",
      ),
      "login",
    ],
    [
      error("server login has been failing, cached error: FATAL: sorry, too many clients already", "08P01"),
      "connections_exhausted",
    ],
    [error("password authentication failed", "28P01"), "login"],
    [error("connect ECONNREFUSED 127.0.0.1:1", "ECONNREFUSED"), "unreachable"],
    [error("getaddrinfo ENOTFOUND db", "ENOTFOUND"), "dns"],
    [error("Connection terminated unexpectedly"), "unreachable"],
    [error("timeout: no answer within 4 s"), "timeout"],
    [new AggregateError([error("refused", "ECONNREFUSED")]), "unreachable"],
    [error("something else", "XX000"), "other"],
    ["a string", "other"],
  ])("%s is %s", (thrown, expected) => {
    expect(failureOf(thrown).failure).toBe(expected);
  });

  it("shows neither passwords nor control characters", () => {
    const { message } = failureOf(error("bad \x1b[31m postgresql://app:s3cret@host/db\nsecond"));
    expect(message).toBe("bad [31m postgresql://app:***@host/db second");
  });
});

describe("bounded", () => {
  it("ends a look that hangs, and tells it to let go", async () => {
    let aborted = false;
    const looked = await bounded(20, (signal) => {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      return new Promise<never>(() => undefined);
    });
    expect(looked).toMatchObject({ ok: false, failure: "timeout" });
    expect(aborted).toBe(true);
  });

  it("turns what a look throws into a failure", async () => {
    const refusing = async () => {
      throw Object.assign(new Error("nobody"), { code: "ECONNREFUSED" });
    };
    expect(await bounded(1000, refusing)).toMatchObject({
      ok: false,
      failure: "unreachable",
      message: "nobody",
    });
  });
});

describe("deployedIn", () => {
  const secret = (value: string) => ({
    "4dabf18193072939515e22adb298388d": "x",
    plaintext: JSON.stringify(value),
  });
  const resources = [
    { type: "pulumi:pulumi:Stack", outputs: { preset: "dev", databaseUrl: secret("postgresql://x") } },
    { type: "poolkit:index:PgBouncerConfig", inputs: { settings: { pool_mode: "transaction" } } },
    { type: "postgresql:index/role:Role", inputs: { name: "owner", connectionLimit: -1 } },
    {
      type: "postgresql:index/role:Role",
      inputs: {
        ...{ name: "app", connectionLimit: 12, statementTimeout: 30000, searchPaths: ["app", "public"] },
        password: secret("SCRAM"),
      },
    },
    { type: "poolkit:index:RoleSettings", inputs: { settings: { lock_timeout: "10s" } } },
    { type: "docker:index/container:Container", inputs: { name: "poolkit-shop-app" } },
    { type: "poolkit:index:AppConfig", outputs: { files: secret("x"), revision: "abc" } },
    { type: "poolkit:index:Migrations", inputs: { schema: "app", migrations: { "2_b": "x", "1_a": "y" } } },
  ];

  it("reads outputs, settings and migrations of the last up", () => {
    expect(deployedIn({ deployment: { resources } }, "app")).toEqual({
      dockerHost: undefined,
      outputs: { preset: "dev", databaseUrl: "postgresql://x" },
      pgbouncerSettings: { pool_mode: "transaction" },
      roleSettings: { search_path: "app, public", statement_timeout: "30000", lock_timeout: "10s" },
      roleConnectionLimit: 12,
      migrations: ["1_a", "2_b"],
      schema: "app",
      containers: ["poolkit-shop-app"],
      appRevision: "abc",
      pendingOperations: 0,
    });
  });

  it("says which engine the stack is on", () => {
    const provider = { type: "pulumi:providers:poolkit", inputs: { dockerHost: "unix:///run/other.sock" } };
    const { dockerHost } = deployedIn({ deployment: { resources: [...resources, provider] } }, "app");
    expect(dockerHost).toBe("unix:///run/other.sock");
  });

  it("is empty for a stack without resources", () => {
    expect(deployedIn({ deployment: {} }, "app")).toMatchObject({ outputs: {}, migrations: [] });
  });
});

describe("a paused pooler", () => {
  const commandOf = (change: Partial<PgBouncerSeen>) => findingsOf(withConsole(change), place)[0]?.command;
  const state = { active: "no", paused: "yes", suspended: "no" };

  it("is resumed by the signal, which knows nothing of a single database", () => {
    expect(commandOf({ state })).toBe("docker kill --signal USR2 poolkit-shop-pgbouncer");
    expect(commandOf({ databases: [{ ...database, paused: 1 }] })).toBe(
      "docker restart poolkit-shop-pgbouncer",
    );
    expect(commandOf({ databases: [{ ...database, disabled: 1 }] })).toBe(
      "docker restart poolkit-shop-pgbouncer",
    );
  });
});

describe("reports", () => {
  const seen = withConsole({ databases: [{ ...database, paused: 1 }] });
  const findings = findingsOf(seen, place);

  it("show a block per finding, the figures, and no colours where no terminal is", () => {
    expect(textReport("shop", findings, { ...seen, disk: missed("timeout", "no answer within 4 s") })).toBe(
      [
        "stack shop: 1 failure, 0 warnings",
        "",
        "FAIL  pgbouncer_paused",
        "  seen  database poolkit is paused in PgBouncer; 0 clients wait",
        "  do    Somebody paused the pooler: resume it when the planned work is done.",
        "  run   docker restart poolkit-shop-pgbouncer",
        "",
        "connection  first answer through PgBouncer after 3 ms",
        "pgbouncer   1.26.1, 2 of 50 clients, 0 waiting, 2 servers",
        "postgres    18.6, 1 of 100 connections (1 idle)",
        "",
        "not seen",
        "  disk: no answer within 4 s",
        "",
      ].join("\n"),
    );
  });

  it("are one JSON object in one line", () => {
    const text = jsonReport("shop", findings, seen);
    expect(text.trimEnd()).not.toContain("\n");
    expect(JSON.parse(text)).toMatchObject({
      stack: "shop",
      status: "fail",
      findings: [{ cause: "pgbouncer_paused", severity: "fail" }],
      figures: { pgbouncer: { maxClients: 50 } },
    });
  });
});

describe("what servers and tools print", () => {
  it("df", () => {
    const text =
      "Filesystem     1024-blocks     Used Available Capacity Mounted on\n/dev/vda         264212084 21198616  74302648      23% /var/lib/postgresql\n";
    expect(diskIn(text)).toEqual({ usedBytes: 21198616 * 1024, availableBytes: 74302648 * 1024 });
    expect(() => diskIn("df: not found")).toThrow("df answered");
  });

  it.each([
    [
      "postgres: poolkit_app poolkit 172.18.0.3(40000) idle in transaction",
      "poolkit_app: idle in transaction",
    ],
    ["postgres: checkpointer ", undefined],
    ["postgres -D /var/lib/postgresql/18/data", undefined],
  ])("process title %s", (title, expected) => {
    expect(backendIn(title)).toBe(expected);
  });

  it.each([
    ["30000", 30000],
    ["10s", 10000],
    ["1min", 60000],
    ["off", "off"],
  ])("role setting %s", (text, expected) => {
    expect(millisecondsOf(text)).toBe(expected);
  });

  it("durations and foreign text", () => {
    expect([2.44, 95.4, 600, 7300].map(duration)).toEqual(["2.4 s", "95 s", "10 min", "2 h"]);
    expect(oneLine("x".repeat(300))).toHaveLength(200);
  });
});
