import { describe, expect, it } from "vitest";
import { budgetOf, budgetOutput, failingChecks } from "../../infra/budget/budget.ts";
import { kitDeployment } from "../../infra/budget/deployment.ts";
import { type Fix, withFix } from "../../infra/budget/smallest-fix.ts";
import { presetNames } from "../../infra/presets.ts";
import type { SizingInput } from "../../infra/sizing.ts";

type Wanted = Partial<Pick<SizingInput, "presetName" | "overrides" | "pgbouncer" | "budget">>;

function input(wanted: Wanted = {}): SizingInput {
  return { presetName: "prod", databaseName: "poolkit", overrides: {}, pgbouncer: {}, budget: {}, ...wanted };
}

const overrides = (values: Record<string, unknown>, rest: Wanted = {}) =>
  input({ overrides: values, ...rest });
const pgbouncer = (values: Record<string, unknown>, rest: Wanted = {}) =>
  input({ pgbouncer: values, ...rest });
const database = (values: Record<string, unknown>) => pgbouncer({ databases: { poolkit: values } });
const user = (values: Record<string, unknown>) => pgbouncer({ users: { poolkit_app: values } });

describe("the budget accepts, without a warning,", () => {
  it.each(presetNames)("the preset %s", (presetName) => {
    const { budget, problems } = budgetOf(input({ presetName }));
    expect([...problems, ...budget.problems, ...budget.advice]).toEqual([]);
  });

  const sensible: [string, SizingInput][] = [
    ["a smaller application pool", overrides({ connectionLimit: 16 })],
    ["a larger application pool", overrides({ connectionLimit: 60 })],
    ["a smaller server pool", overrides({ poolSize: 8, reservePoolSize: 2 })],
    ["a larger server pool on more cores", overrides({ poolSize: 20 }, { budget: { databaseCores: 8 } })],
    ["no reserve", overrides({ reservePoolSize: 0 })],
    ["more clients", overrides({ maxClientConnections: 1000 })],
    ["other clients that fit", input({ budget: { otherClients: 100 } })],
    ["an exporter and backups", input({ budget: { otherConnections: 5 } })],
    ["short transactions, proved", input({ budget: { transactionMilliseconds: 20 } })],
    [
      "a longer statement with the timers around it",
      overrides({
        statementTimeoutSeconds: 25,
        transactionTimeoutSeconds: 25,
        idleInTransactionTimeoutSeconds: 40,
      }),
    ],
    ["a patient caller", overrides({ poolTimeoutSeconds: 20, queryWaitTimeoutSeconds: 5 })],
    ["a shorter idle time", overrides({ applicationIdleSeconds: 5, applicationLifetimeSeconds: 600 })],
    ["dev with data to keep", overrides({ protectData: true }, { presetName: "dev" })],
    [
      "dev with the enhanced pool",
      overrides({ enhancedPooling: true, connectionLimit: 15 }, { presetName: "dev" }),
    ],
    ["high-load with a smaller pool", overrides({ poolSize: 24 }, { presetName: "high-load" })],
    [
      "high-load on a bigger machine",
      overrides(
        { poolSize: 40, connectionLimit: 80 },
        { presetName: "high-load", budget: { databaseCores: 16 } },
      ),
    ],
    ["PgBouncer's own names", pgbouncer({ default_pool_size: 12, reserve_pool_size: 4 })],
    ["a pool size of the database's own", database({ pool_size: 10, max_db_connections: 20 })],
    ["a limit of the role's own", user({ max_user_connections: 20, max_user_client_connections: 120 })],
    [
      "a second name with a session pool",
      pgbouncer({
        databases: {
          poolkit_jobs: { pool_mode: "session", pool_size: 3, reserve_pool_size: 0, max_db_connections: 3 },
        },
      }),
    ],
    [
      "PgBouncer's backstops outside the kit's timers",
      pgbouncer({ query_timeout: 60, idle_transaction_timeout: 60, client_idle_timeout: 600 }),
    ],
    ["a peer", pgbouncer({ peer_id: 1, peers: { 2: { host: "other", port: 6432 } } })],
  ];
  it.each(sensible)("%s", (_what, wanted) => {
    const { budget, problems } = budgetOf(wanted);
    expect([...problems, ...budget.problems, ...budget.advice]).toEqual([]);
  });
});

/** [what, configuration, path of a problem, what its text must say] */
const refused: [string, SizingInput, string, string][] = [
  // clients of PgBouncer
  [
    "an application pool beyond PgBouncer's clients",
    overrides({ connectionLimit: 100 }),
    "overrides.connectionLimit",
    "= 210 clients",
  ],
  ["one client too many", overrides({ connectionLimit: 97 }), "overrides.connectionLimit", "= 204 clients"],
  [
    "PgBouncer below its clients",
    overrides({ maxClientConnections: 46 }),
    "overrides.maxClientConnections",
    "46 (max_client_conn)",
  ],
  [
    "the same under PgBouncer's name",
    pgbouncer({ max_client_conn: 46 }),
    "pgbouncer.max_client_conn",
    "46 (max_client_conn)",
  ],
  [
    "other clients that do not fit",
    input({ budget: { otherClients: 154 } }),
    "budget.otherClients",
    "= 204 clients",
  ],
  [
    "dev with prod's pool",
    overrides({ connectionLimit: 50 }, { presetName: "dev" }),
    "overrides.connectionLimit",
    "at most 50",
  ],
  [
    "high-load with a huge pool",
    overrides({ connectionLimit: 1000 }, { presetName: "high-load" }),
    "overrides.connectionLimit",
    "2000",
  ],
  [
    "a limit on the database's clients",
    database({ max_db_client_connections: 42 }),
    "pgbouncer.databases.poolkit.max_db_client_connections",
    "= 45 clients",
  ],
  [
    "a global limit on every database's clients",
    pgbouncer({ max_db_client_connections: 30 }),
    "pgbouncer.max_db_client_connections",
    "30",
  ],
  [
    "a limit on the role's clients",
    user({ max_user_client_connections: 42 }),
    "pgbouncer.users.poolkit_app.max_user_client_connections",
    "= 45 clients",
  ],
  [
    "a limit that shuts the health probe out",
    pgbouncer({ users: { poolkit_monitor: { max_user_client_connections: 1 } } }),
    "pgbouncer.users.poolkit_monitor.max_user_client_connections",
    "console",
  ],
  [
    "a global limit on every role's clients",
    pgbouncer({ max_user_client_connections: 2 }),
    "pgbouncer.max_user_client_connections",
    "= 4 clients",
  ],
  // connections of Postgres
  [
    "a pool beyond Postgres",
    overrides({ poolSize: 90, maxDatabaseConnections: 90 }),
    "overrides.poolSize",
    "= 97 connections",
  ],
  [
    "a reserve beyond Postgres",
    overrides({ reservePoolSize: 90, maxDatabaseConnections: 90 }),
    "overrides.reservePoolSize",
    "97",
  ],
  [
    "the same under PgBouncer's name",
    pgbouncer({ default_pool_size: 200, max_db_connections: 0 }),
    "pgbouncer.default_pool_size",
    "too many clients already",
  ],
  [
    "a pool without a limit",
    pgbouncer({ default_pool_size: 0, max_db_connections: 0 }),
    "pgbouncer.default_pool_size",
    "too many clients already",
  ],
  [
    "a pool of the database's own",
    database({ pool_size: 85, max_db_connections: 90 }),
    "pgbouncer.databases.poolkit.pool_size",
    "superuser_reserved_connections",
  ],
  [
    "a pool of the role's own",
    pgbouncer({ max_db_connections: 0, users: { poolkit_app: { pool_size: 80 } } }),
    "pgbouncer.users.poolkit_app.pool_size",
    "97",
  ],
  [
    "a second database entry",
    pgbouncer({ databases: { poolkit_jobs: { pool_size: 60, max_db_connections: 70 } } }),
    "pgbouncer.databases.poolkit_jobs.pool_size",
    "poolkit_jobs/poolkit_app",
  ],
  [
    "three entries that fit only alone",
    pgbouncer({ databases: { a: { pool_size: 25 }, b: { pool_size: 25 }, c: { pool_size: 25 } } }),
    "pgbouncer.databases.a.pool_size",
    "97",
  ],
  [
    "direct connections that do not fit",
    input({ budget: { otherConnections: 61 } }),
    "budget.otherConnections",
    "= 99 connections",
  ],
  [
    "high-load with one more exporter than fits",
    input({ presetName: "high-load", budget: { otherConnections: 39 } }),
    "budget.otherConnections",
    "= 99 connections",
  ],
  // pools and their caps
  [
    "a cap below the pool",
    overrides({ maxDatabaseConnections: 10 }),
    "overrides.maxDatabaseConnections",
    "10 (max_db_connections)",
  ],
  ["a pool above the cap", overrides({ poolSize: 26 }), "overrides.poolSize", "25 (max_db_connections)"],
  [
    "a cap of the database's own",
    database({ max_db_connections: 14 }),
    "pgbouncer.databases.poolkit.max_db_connections",
    "14 (max_db_connections)",
  ],
  [
    "a cap of the role",
    user({ max_user_connections: 14 }),
    "pgbouncer.users.poolkit_app.max_user_connections",
    "14 (max_user_connections)",
  ],
  [
    "a global cap of roles",
    pgbouncer({ max_user_connections: 14 }),
    "pgbouncer.max_user_connections",
    "14 (max_user_connections)",
  ],
  ["a minimum above the size", pgbouncer({ min_pool_size: 16 }), "pgbouncer.min_pool_size", "15 (pool_size"],
  [
    "a minimum of the database above its size",
    database({ min_pool_size: 9, pool_size: 8 }),
    "pgbouncer.databases.poolkit.min_pool_size",
    "8 (pool_size",
  ],
  // queue
  [
    "transactions too long for the queue",
    overrides({ connectionLimit: 90 }, { budget: { transactionMilliseconds: 1000 } }),
    "overrides.connectionLimit",
    "query_wait_timeout / 2",
  ],
  [
    "a pool too small for the queue",
    overrides({ poolSize: 1, reservePoolSize: 0 }, { budget: { transactionMilliseconds: 200 } }),
    "overrides.poolSize",
    "query_wait_timeout / 2",
  ],
  [
    "a role's short patience",
    pgbouncer(
      { users: { poolkit_app: { query_wait_timeout: 4 } } },
      { budget: { transactionMilliseconds: 8000 } },
    ),
    "pgbouncer.users.poolkit_app.query_wait_timeout",
    "2 (query_wait_timeout / 2)",
  ],
  // modes
  [
    "session mode for more clients than servers",
    pgbouncer({ pool_mode: "session" }),
    "overrides.connectionLimit",
    "server connections of poolkit/poolkit_app",
  ],
  [
    "session mode of the database",
    database({ pool_mode: "session", pool_size: 20 }),
    "pgbouncer.databases.poolkit.pool_size",
    "server connections of poolkit/poolkit_app",
  ],
  ["statement mode", pgbouncer({ pool_mode: "statement" }), "pgbouncer.pool_mode", "transaction"],
  [
    "statement mode of the database",
    database({ pool_mode: "statement" }),
    "pgbouncer.databases.poolkit.pool_mode",
    "transaction",
  ],
  [
    "statement mode of the role",
    user({ pool_mode: "statement" }),
    "pgbouncer.users.poolkit_app.pool_mode",
    "transaction",
  ],
  ["no simple protocol", pgbouncer({ disable_pqexec: 1 }), "pgbouncer.disable_pqexec", "health probes"],
  // descriptors and memory
  [
    "more clients than descriptors",
    pgbouncer({ max_client_conn: 10_000 }),
    "pgbouncer.max_client_conn",
    "4096 (nofile",
  ],
  [
    "a little more than descriptors",
    pgbouncer({ max_client_conn: 3950 }),
    "pgbouncer.max_client_conn",
    "4096 (nofile",
  ],
  ["buffers beyond PgBouncer's memory", pgbouncer({ pkt_buf: 1_048_576 }), "pgbouncer.pkt_buf", "MiB"],
  [
    "a pool beyond Postgres' memory",
    overrides({ poolSize: 80, maxDatabaseConnections: 90, reservePoolSize: 5 }),
    "overrides.poolSize",
    "MiB",
  ],
  // timers
  [
    "a stop shorter than a request",
    overrides({ stopGraceSeconds: 20 }),
    "overrides.stopGraceSeconds",
    "= 30 s",
  ],
  [
    "a request longer than the stop",
    overrides({ poolTimeoutSeconds: 60 }),
    "overrides.poolTimeoutSeconds",
    "at most 40",
  ],
  [
    "a login slower than the caller",
    overrides({ poolTimeoutSeconds: 3 }),
    "overrides.poolTimeoutSeconds",
    "less than 3",
  ],
  [
    "a login slower than the queue",
    overrides({ serverConnectTimeoutSeconds: 5 }),
    "overrides.serverConnectTimeoutSeconds",
    "less than 5",
  ],
  [
    "a queue shorter than the login",
    overrides({ queryWaitTimeoutSeconds: 3 }),
    "overrides.queryWaitTimeoutSeconds",
    "less than 3",
  ],
  [
    "a login without an end",
    pgbouncer({ server_connect_timeout: 0 }),
    "pgbouncer.server_connect_timeout",
    "ever made",
  ],
  [
    "a queue without an end",
    pgbouncer({ query_wait_timeout: 0 }),
    "pgbouncer.query_wait_timeout",
    "less than 0",
  ],
  [
    "a queue of the role without an end",
    user({ query_wait_timeout: 0 }),
    "pgbouncer.users.poolkit_app.query_wait_timeout",
    "less than 0",
  ],
  [
    "a queue of the database shorter than the login",
    database({ query_wait_timeout: 2 }),
    "pgbouncer.databases.poolkit.query_wait_timeout",
    "less than 2",
  ],
  [
    "a retry later than the queue",
    overrides({ serverLoginRetrySeconds: 5 }),
    "overrides.serverLoginRetrySeconds",
    "less than 5",
  ],
  [
    "PgBouncer's own default retry",
    pgbouncer({ server_login_retry: 15 }),
    "pgbouncer.server_login_retry",
    "drops everyone",
  ],
  [
    "a reserve that comes too late",
    overrides({ reservePoolTimeoutSeconds: 5 }),
    "overrides.reservePoolTimeoutSeconds",
    "less than 5",
  ],
  [
    "a transaction start outlasting the pool's wait",
    overrides({ transactionMaxWaitSeconds: 11 }),
    "overrides.transactionMaxWaitSeconds",
    "P2028",
  ],
  [
    "a lock wait as long as the statement",
    overrides({ lockTimeoutSeconds: 15 }),
    "overrides.lockTimeoutSeconds",
    "less than 15",
  ],
  [
    "a lock wait below the deadlock check",
    overrides({ lockTimeoutSeconds: 1 }),
    "overrides.lockTimeoutSeconds",
    "less than 1",
  ],
  [
    "a statement longer than its transaction",
    overrides({ statementTimeoutSeconds: 16 }),
    "overrides.statementTimeoutSeconds",
    "at most 15",
  ],
  [
    "a transaction shorter than its statement",
    overrides({ transactionTimeoutSeconds: 10 }),
    "overrides.transactionTimeoutSeconds",
    "at most 10",
  ],
  [
    "a session that dies before its transaction",
    overrides({ idleInTransactionTimeoutSeconds: 15 }),
    "overrides.idleInTransactionTimeoutSeconds",
    "25P03",
  ],
  [
    "a transaction that outlives its session",
    overrides({ transactionTimeoutSeconds: 20, stopGraceSeconds: 60 }),
    "overrides.transactionTimeoutSeconds",
    "25P03",
  ],
  [
    "an idle time beyond the lifetime",
    overrides({ applicationIdleSeconds: 600, applicationLifetimeSeconds: 600 }),
    "overrides.applicationIdleSeconds",
    "less than 600",
  ],
  [
    "a query backstop inside the statement timeout",
    pgbouncer({ query_timeout: 10 }),
    "pgbouncer.query_timeout",
    "less than 10",
  ],
  [
    "an idle backstop inside Postgres' own",
    pgbouncer({ idle_transaction_timeout: 20 }),
    "pgbouncer.idle_transaction_timeout",
    "less than 20",
  ],
  [
    "a transaction backstop inside the transaction",
    pgbouncer({ transaction_timeout: 12 }),
    "pgbouncer.transaction_timeout",
    "less than 12",
  ],
  [
    "clients closed while the application holds them",
    pgbouncer({ client_idle_timeout: 5 }),
    "pgbouncer.client_idle_timeout",
    "less than 5",
  ],
];

describe("the budget refuses", () => {
  it("at least 60 bad configurations in this table", () => {
    expect(refused.length).toBeGreaterThanOrEqual(60);
  });

  it.each(refused)("%s", (_what, wanted, path, says) => {
    const { budget, problems } = budgetOf(wanted);
    expect(problems, "each value is allowed on its own").toEqual([]);
    const texts = budget.problems.filter((problem) => problem.path === `poolkit:${path}`);
    expect(texts.map(({ found, allowed }) => `${found} | ${allowed}`).join("\n")).toContain(says);
    for (const problem of budget.problems) {
      expect(problem.fix).toMatch(/^pulumi config (set|rm) --path poolkit:\S+( \S+)?$/);
    }
  });

  it.each(refused)("%s, and each of its fixes mends what it is said to", (_what, wanted) => {
    const { budget } = budgetOf(wanted);
    for (const problem of [...budget.problems, ...budget.advice]) {
      const mended = budgetOf(applied(wanted, problem.fix));
      expect(mended.problems).toEqual([]);
      const left = [...mended.budget.problems, ...mended.budget.advice].map(reason);
      expect(left).not.toContain(reason(problem));
    }
  });

  it.each(refused)("%s, and one step less than a fix is not enough", (_what, wanted) => {
    for (const { fix, ...problem } of budgetOf(wanted).budget.problems) {
      const { path, value } = parsed(fix) ?? {};
      if (path === undefined || value === undefined) continue;
      const former = current(wanted, path);
      if (former === undefined || former === value) continue;
      const isUnlimited = former === 0 && path.endsWith("pool_size");
      const step = isUnlimited ? 1 : Math.sign(former - value);
      const almost = withFix(wanted, { path, value: value + step });
      expect(budgetOf(almost).budget.problems.map(reason), fix).toContain(reason(problem));
    }
  });
});

/** `(what must hold)`: the same for the same question, whatever the numbers are. */
function reason({ found, allowed }: { found: string; allowed: string }): string {
  return `${/\(([^()]*)\)$/.exec(found)?.[1]} ${/else: .*$/.exec(allowed)?.[0]}`;
}

function parsed(fix: string): Fix | undefined {
  const [, path, value] = /^pulumi config set --path poolkit:(\S+) (\d+)$/.exec(fix) ?? [];
  return path === undefined ? undefined : { path, value: Number(value) };
}

function applied(wanted: SizingInput, fix: string): SizingInput {
  const change = parsed(fix);
  if (change !== undefined) return withFix(wanted, change);
  const [, path = "", value] = /^pulumi config (?:set|rm) --path poolkit:(\S+)(?: (\S+))?$/.exec(fix) ?? [];
  const text = JSON.stringify(withFix(wanted, { path, value: -1 }));
  return JSON.parse(text.replace("-1", value === undefined ? "0" : JSON.stringify(value)));
}

/** The value that a setting has before the fix, when the configuration itself says it. */
function current(wanted: SizingInput, path: string): number | undefined {
  const found = path
    .split(".")
    .reduce<unknown>((at, key) => (at instanceof Object ? Reflect.get(at, key) : undefined), wanted);
  return typeof found === "number" ? found : undefined;
}

describe("the account", () => {
  it("counts replicas and the surge of a roll-out", () => {
    const rolling = { ...kitDeployment, replicas: 4, surge: 2 };
    expect(failingChecks(input({ presetName: "high-load" }), rolling)).toContain("pgbouncer-clients");
    expect(failingChecks(input({ presetName: "high-load" }), { ...rolling, surge: 1 })).not.toContain(
      "pgbouncer-clients",
    );
  });

  it("gives every PgBouncer process all pools, and clients spread unevenly", () => {
    const two = { ...kitDeployment, pgbouncerProcesses: 2 };
    expect(failingChecks(input({ presetName: "high-load" }), two)).toContain("postgres-connections");
    const clients = budgetOf(input(), two).budget.checks.find(({ id }) => id === "pgbouncer-clients");
    expect(clients?.right).toEqual([{ what: "max_client_conn of 2 processes", value: 266 }]);
  });

  it("asks the role's entry first, then the database's, then the global setting", () => {
    const sizes = (wanted: SizingInput) =>
      budgetOf(wanted).budget.checks.find(({ id }) => id === "pool-used")?.left[0]?.value;
    expect(sizes(input())).toBe(15);
    expect(sizes(database({ pool_size: 9 }))).toBe(9);
    const both = { databases: { poolkit: { pool_size: 9 } }, users: { poolkit_app: { pool_size: 7 } } };
    expect(sizes(pgbouncer(both))).toBe(7);
  });

  it("only warns of rules of thumb", () => {
    const many = budgetOf(overrides({ poolSize: 19 })).budget;
    expect(many.problems).toEqual([]);
    expect(many.advice.map(({ found }) => found).join()).toContain("cores");
    const unused = budgetOf(overrides({ connectionLimit: 5 })).budget;
    expect(unused.advice.map(({ allowed }) => allowed).join()).toContain("nobody uses");
    const queue = budgetOf(
      overrides({ poolSize: 1, connectionLimit: 90 }, { pgbouncer: { query_wait_timeout: 4 } }),
    ).budget;
    expect(queue.advice.map(({ found }) => found).join()).toContain("50 ms assumed");
  });

  it("is plain JSON with what is used and what there is", () => {
    const output = budgetOutput(budgetOf(input()).budget);
    expect(JSON.parse(JSON.stringify(output))).toEqual(output);
    expect(output).toMatchObject({
      advice: [],
      "pgbouncer-clients": { used: 50, limit: 200, unit: "clients" },
      "postgres-connections": { limit: 97, unit: "connections" },
    });
  });
});

describe("poolkit:budget", () => {
  it.each([
    ["an unknown name", { otherClient: 1 }, "did you mean poolkit:budget.otherClients?"],
    ["a check that is neither", { check: "off" }, "poolkit:budget.check"],
    ["a fraction", { otherClients: 1.5 }, "poolkit:budget.otherClients"],
    ["no cores", { databaseCores: 0 }, "poolkit:budget.databaseCores"],
    ["a number in quotes", { otherConnections: "3" }, "poolkit:budget.otherConnections"],
  ])("refuses %s", (_what, budget, says) => {
    const { problems } = budgetOf(input({ budget }));
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).toContain(says);
  });
});

describe("poolkit:pgbouncer's entries", () => {
  it.each([
    [
      "an unknown key of a database",
      { databases: { poolkit: { pool_sise: 5 } } },
      "pgbouncer.databases.poolkit.pool_sise",
      "pool_size",
    ],
    [
      "an unknown key of a role",
      { users: { poolkit_app: { max_user_conections: 5 } } },
      "pgbouncer.users.poolkit_app.max_user_conections",
      "max_user_connections",
    ],
    [
      "an unknown role",
      { users: { poolkit_ap: { pool_size: 5 } } },
      "pgbouncer.users.poolkit_ap",
      "poolkit_app",
    ],
    [
      "an unknown key of a peer",
      { peer_id: 1, peers: { 2: { hots: "x" } } },
      "pgbouncer.peers.2.hots",
      "host",
    ],
    [
      "a peer that is no number",
      { peer_id: 1, peers: { two: { host: "x" } } },
      "pgbouncer.peers.two",
      "1 to 16383",
    ],
    ["peers without a number of one's own", { peers: { 2: { host: "x" } } }, "pgbouncer.peers", "peer_id"],
    [
      "another server behind the pooler",
      { databases: { poolkit: { host: "elsewhere" } } },
      "pgbouncer.databases.poolkit.host",
      "own Postgres",
    ],
    [
      "a forced user",
      { databases: { poolkit: { user: "postgres" } } },
      "pgbouncer.databases.poolkit.user",
      "plain text",
    ],
    [
      "databases made on the fly",
      { databases: { "*": { pool_size: 2 } } },
      "pgbouncer.databases.*",
      "cannot be counted",
    ],
    [
      "the console as a database",
      { databases: { pgbouncer: { pool_size: 2 } } },
      "pgbouncer.databases.pgbouncer",
      "console",
    ],
    [
      "a value out of range",
      { databases: { poolkit: { pool_size: -1 } } },
      "pgbouncer.databases.poolkit.pool_size",
      "0 to 1000000",
    ],
    [
      "a mode that does not exist",
      { users: { poolkit_app: { pool_mode: "turbo" } } },
      "pgbouncer.users.poolkit_app.pool_mode",
      "session",
    ],
    ["a list instead of entries", { databases: [] }, "pgbouncer.databases", "an object"],
    [
      "a number instead of an entry",
      { users: { poolkit_app: 5 } },
      "pgbouncer.users.poolkit_app",
      "an object",
    ],
    [
      "an injected line",
      { databases: { poolkit: { timezone: "x\nadmin_users = eve" } } },
      "pgbouncer.databases.poolkit.timezone",
      "one line",
    ],
  ])("refuse %s", (_what, given, path, says) => {
    const { problems } = budgetOf(pgbouncer(given));
    expect(problems.map((problem) => problem.path)).toEqual([`poolkit:${path}`]);
    expect(JSON.stringify(problems)).toContain(says);
  });

  it("reach the file, with the kit's own place for every database", () => {
    const { sizing } = budgetOf(
      pgbouncer({
        databases: { jobs: { pool_size: 3 } },
        users: { poolkit_app: { max_user_connections: 20 } },
      }),
    );
    const place = { host: "postgres", port: "5432", dbname: "poolkit" };
    expect(sizing.pgbouncer.databases).toEqual({ poolkit: place, jobs: { ...place, pool_size: "3" } });
    expect(sizing.pgbouncer.users).toEqual({ poolkit_app: { max_user_connections: "20" } });
  });
});
