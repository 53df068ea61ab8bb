import { describe, expect, it } from "vitest";
import { accountJson } from "../../infra/budget/account-json.ts";
import { budgetOf, failingChecks } from "../../infra/budget/budget.ts";
import { total } from "../../infra/budget/check.ts";
import { kitDeployment } from "../../infra/budget/deployment.ts";
import { optionRanges, readBudgetOptions } from "../../infra/budget/options.ts";
import { type Fix, withFix } from "../../infra/budget/smallest-fix.ts";
import { presetNames } from "../../infra/presets.ts";
import type { SizingInput } from "../../infra/sizing.ts";
import {
  badConfigurations,
  database,
  input,
  overrides,
  pgbouncer,
  sensibleConfigurations,
  unsafePairs,
  user,
} from "../support/configurations.ts";

describe("the budget accepts, without a warning,", () => {
  it.each(presetNames)("the preset %s", (presetName) => {
    const { budget, problems } = budgetOf(input({ presetName }));
    expect([...problems, ...budget.problems, ...budget.advice]).toEqual([]);
  });

  it("is a table of at least 20", () => {
    expect(sensibleConfigurations.length).toBeGreaterThanOrEqual(20);
  });

  it.each(sensibleConfigurations)("%s", (_what, wanted) => {
    const { budget, problems } = budgetOf(wanted);
    expect([...problems, ...budget.problems, ...budget.advice]).toEqual([]);
  });
});

describe("the budget advises against", () => {
  it.each(unsafePairs)("%s", (_what, wanted, path, says) => {
    const { budget, problems } = budgetOf(wanted);
    expect([...problems, ...budget.problems]).toEqual([]);
    const texts = budget.advice.filter((advice) => advice.path === `poolkit:${path}`);
    expect(texts.map(({ found, allowed }) => `${found} | ${allowed}`).join("\n")).toContain(says);
    for (const { fix } of texts) expect(fix).toMatch(/^pulumi config (set|rm) --path poolkit:\S+( \S+)?$/);
  });

  it("nothing of the like where it does no harm", () => {
    const advice = (wanted: SizingInput) => budgetOf(wanted).budget.advice;
    expect(advice(pgbouncer({ server_reset_query: "" }))).toEqual([]);
    expect(advice(pgbouncer({ ignore_startup_parameters: "options,extra_float_digits" }))).toEqual([]);
  });
});

describe("the budget refuses", () => {
  it("at least 60 bad configurations in this table", () => {
    expect(badConfigurations.length).toBeGreaterThanOrEqual(60);
  });

  it.each(badConfigurations)("%s", (_what, wanted, path, says) => {
    const { budget, problems } = budgetOf(wanted);
    expect(problems, "each value is allowed on its own").toEqual([]);
    const texts = budget.problems.filter((problem) => problem.path === `poolkit:${path}`);
    expect(texts.map(({ found, allowed }) => `${found} | ${allowed}`).join("\n")).toContain(says);
    for (const problem of budget.problems) {
      expect(problem.fix).toMatch(
        /^(give the machine \d+ MiB, then )?pulumi config (set|rm) --path poolkit:\S+( \S+)?$/,
      );
    }
  });

  it.each(badConfigurations)("%s, and each of its fixes mends what it is said to", (_what, wanted) => {
    const { budget } = budgetOf(wanted);
    for (const problem of [...budget.problems, ...budget.advice]) {
      const mended = budgetOf(applied(wanted, problem.fix));
      expect(mended.problems).toEqual([]);
      const left = [...mended.budget.problems, ...mended.budget.advice].map(reason);
      expect(left).not.toContain(reason(problem));
    }
  });

  it.each(badConfigurations)("%s, and one step less than a fix is not enough", (_what, wanted) => {
    for (const { fix, ...problem } of budgetOf(wanted).budget.problems) {
      const { path, value } = parsed(fix) ?? {};
      if (path === undefined || value === undefined) continue;
      const former = current(wanted, path);
      if (former === undefined || former === value) continue;
      const isUnlimited = former === 0 && /(pool_size|reserve_pool_timeout)$/.test(path);
      if (former === 0 && path.endsWith("query_wait_timeout")) continue; // see "a fix"
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
  const [, path, value] =
    /^(?:give the machine \d+ MiB, then )?pulumi config set --path poolkit:(\S+) (\d+)$/.exec(fix) ?? [];
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

describe("a fix", () => {
  it("goes as far as it must to break nothing else of the same setting", () => {
    // 1 s would end the wait, but before PgBouncer could have logged in to Postgres (3 s).
    const { problems } = budgetOf(pgbouncer({ query_wait_timeout: 0 })).budget;
    expect(problems.map(({ fix }) => fix)).toEqual([
      "pulumi config set --path poolkit:pgbouncer.query_wait_timeout 4",
    ]);
  });
});

describe("an advice about PgBouncer's timers", () => {
  it.each([
    ["tcp_keepidle", 100, 30],
    ["tcp_keepintvl", 30, 10],
    ["tcp_keepcnt", 40, 3],
    ["tcp_keepalive", 0, 1],
    ["server_login_retry", 3, 2],
  ])("has the one that mends it: %s %i", (name, wrong, right) => {
    const { advice, problems } = budgetOf(pgbouncer({ [name]: wrong })).budget;
    expect(problems).toEqual([]);
    expect(advice.map(({ fix }) => fix)).toEqual([
      `pulumi config set --path poolkit:pgbouncer.${name} ${right}`,
    ]);
  });
});

describe("the account", () => {
  const clients = (wanted: SizingInput) =>
    budgetOf(wanted).budget.checks.find(({ id }) => id === "pgbouncer-clients");

  it("counts replicas elsewhere and the surge of their roll-out", () => {
    const elsewhere = { otherReplicas: 3 };
    const rolling = input({ presetName: "high-load", budget: elsewhere });
    expect(clients(rolling)?.left[1]).toEqual({
      what: "replicas elsewhere in a roll-out: 6 x processes 1 x connectionLimit 50",
      value: 300,
    });
    // Each copy of the reference application has its own health probes.
    expect(clients(rolling)?.left[2]?.value).toBe(7 * kitDeployment.probeClients);
    const one = input({ presetName: "high-load", budget: { ...elsewhere, surge: 1 } });
    expect(clients(one)?.left[1]?.value).toBe(150);
  });

  it("counts an own application's processes, its direct connections, and no probes of the kit", () => {
    const own = input({
      application: { image: "shop:1", processes: 4, directUrlVariable: "DIRECT_URL", directConnections: 6 },
    });
    expect(clients(own)?.left.map(({ value }) => value)).toEqual([80, 1, 1, 1]);
    const direct = budgetOf(own)
      .budget.checks.find(({ id }) => id === "postgres-connections")
      ?.left.at(-1);
    expect(direct).toEqual({
      what: "application past PgBouncer: copies 1 x application.directConnections 6",
      value: 6,
    });
    const live = input({ application: { image: "shop:1", reloadSignal: "SIGHUP" } });
    expect(clients(live)?.left[0]?.value).toBe(40);
  });

  it("gives every PgBouncer among peers all pools, and clients spread unevenly", () => {
    const two = { peer_id: 1, peers: { 1: { host: "here" }, 2: { host: "there" } } };
    expect(failingChecks(pgbouncer(two, { presetName: "high-load" }))).toContain("postgres-connections");
    expect(clients(pgbouncer(two))?.right).toEqual([{ what: "max_client_conn of 2 processes", value: 266 }]);
  });

  it("shows the time that a request may take, and proves it only where the caller's patience is known", () => {
    const request = (wanted: SizingInput) =>
      budgetOf(wanted).budget.checks.find(({ id }) => id === "request");
    expect(request(input())?.left.map(({ value }) => value)).toEqual([5, 10, 5, 15]);
    expect(request(input())?.right[0]?.value).toBe(Number.POSITIVE_INFINITY);
    expect(failingChecks(input({ budget: { requestSeconds: 36 } }))).not.toContain("request");
  });

  it("gives every process backends that it has given up, and a pool of its own", () => {
    const two = { peer_id: 1, peers: { 2: { host: "there" } } };
    const abandoned = (wanted: SizingInput) =>
      budgetOf(wanted).budget.checks.find(({ id }) => id === "postgres-connections")?.left[1]?.value;
    const of = (id: string, wanted: SizingInput) =>
      budgetOf(wanted).budget.checks.find((check) => check.id === id);
    expect(abandoned(overrides({ poolSize: 25, reservePoolSize: 5, maxDatabaseConnections: 30 }))).toBe(3);
    expect(
      abandoned(
        overrides({ poolSize: 25, reservePoolSize: 5, maxDatabaseConnections: 30 }, { pgbouncer: two }),
      ),
    ).toBe(6);
    expect(abandoned(pgbouncer(two))).toBe(4);
    expect(of("pool-cores", pgbouncer(two))?.left[0]?.value).toBe(30);
    expect(of("pool-used", pgbouncer(two))?.left[0]?.value).toBe(30);
    // Limits are each process's own.
    expect(of("session-servers", pgbouncer({ ...two, pool_mode: "session" }))?.right).toEqual([
      { what: "server connections of poolkit/poolkit_app of 2 processes", value: 26 },
    ]);
    expect(
      of(
        "user-clients:poolkit_app",
        pgbouncer({ ...two, users: { poolkit_app: { max_user_client_connections: 40 } } }),
      )?.right,
    ).toEqual([
      { what: "pgbouncer.users.poolkit_app.max_user_client_connections of 2 processes", value: 53 },
    ]);
    // 45 clients, spread unevenly: 34 of them at the busier one of two.
    expect(of("queue-wait", pgbouncer(two))?.left[0]?.what).toContain("(34 clients - 15 servers) / 15");
  });

  it("counts direct connections of every copy of an own application", () => {
    const own = input({
      application: { image: "shop:1", directUrlVariable: "DIRECT_URL", directConnections: 6 },
      budget: { otherReplicas: 2, surge: 2 },
    });
    const direct = budgetOf(own)
      .budget.checks.find(({ id }) => id === "postgres-connections")
      ?.left.at(-1);
    expect(direct).toEqual({
      what: "application past PgBouncer: copies 5 x application.directConnections 6",
      value: 30,
    });
  });

  it("counts the monitoring role up to its CONNECTION LIMIT, which grows with the copies that probe", () => {
    const monitor = (wanted: SizingInput) => {
      const { checks, roleLimits } = budgetOf(wanted).budget;
      const counted = checks
        .find(({ id }) => id === "postgres-connections")
        ?.left.find(({ what }) => what.startsWith("monitoring role"));
      return [roleLimits.monitor, counted?.value];
    };
    expect(monitor(input())).toEqual([5, 5]);
    expect(monitor(input({ budget: { otherReplicas: 2, surge: 2 } }))).toEqual([13, 13]);
    expect(monitor(input({ application: { image: "shop:1" } }))).toEqual([3, 3]);
  });

  it("leaves the application's role what nobody else needs, so that a change of sizes does not touch it", () => {
    const limit = (wanted: SizingInput) => budgetOf(wanted).budget.roleLimits.application;
    const slots = (wanted: SizingInput) => {
      const check = budgetOf(wanted).budget.checks.find(({ id }) => id === "postgres-connections");
      const [pools, abandoned, ...others] = check?.left ?? [];
      return { servers: (pools?.value ?? 0) + (abandoned?.value ?? 0), others: total(others) };
    };
    const before = slots(input());
    expect(limit(input())).toBe(97 - before.others);
    expect(limit(input())).toBeGreaterThanOrEqual(before.servers);
    expect(limit(input({ presetName: "dev" }))).toBe(limit(input()));
    expect(limit(input({ presetName: "high-load" }))).toBe(limit(input()));
    expect(limit(input({ budget: { otherConnections: 7 } }))).toBe(limit(input()) - 7);
    // One that does not fit and is let through all the same is not stopped short of what it asks for.
    const wild = input({
      overrides: { poolSize: 90, maxDatabaseConnections: 90 },
      budget: { check: "warn" },
    });
    expect(limit(wild)).toBe(slots(wild).servers);
  });

  it("holds no number that JSON cannot say", () => {
    const endless = pgbouncer(
      { default_pool_size: 0, max_db_connections: 0, min_pool_size: 1 },
      { presetName: "dev" },
    );
    const { budget } = budgetOf(endless);
    expect(budget.problems).toEqual([]);
    for (const wanted of [
      endless,
      ...[...badConfigurations, ...sensibleConfigurations].map(([, one]) => one),
    ]) {
      const output = accountJson(budgetOf(wanted).budget);
      expect(JSON.parse(JSON.stringify(output))).toEqual(output);
    }
  });

  /** Every inequality of a capacity: what is used and what there is. */
  const sums = (wanted: SizingInput) =>
    Object.fromEntries(
      Object.entries(accountJson(budgetOf(wanted).budget).checks)
        .filter(([, { unit }]) => unit !== "s")
        .map(([id, { used, limit }]) => [id, [used, limit]]),
    );

  it("adds up a stack that has everything", () => {
    const everything = input({
      application: {
        image: "shop:1",
        processes: 2,
        reloadSignal: "SIGHUP",
        directUrlVariable: "DIRECT_URL",
        directConnections: 3,
        memoryMegabytes: 700,
      },
      observability: true,
      pgbouncer: {
        peer_id: 1,
        peers: { 2: { host: "there" } },
        pkt_buf: 16_384,
        min_pool_size: 2,
        reserve_pool_size: 4,
        databases: {
          poolkit: { pool_size: 10, max_db_connections: 13 },
          jobs: { pool_size: 5, max_db_connections: 9 },
        },
        users: { poolkit_app: { max_user_connections: 21 } },
      },
      budget: {
        otherReplicas: 2,
        surge: 1,
        otherClients: 7,
        otherConnections: 2,
        hostMegabytes: 8000,
        transactionMilliseconds: 80,
      },
    });
    expect(sums(everything)).toEqual({
      // 2 processes x 2 pools x 20, 2 replicas x 2 x 20, 7 others, 5 on the console; 2 x 200 / 1.5 unevenly
      "pgbouncer-clients": [172, 266],
      // 2 PgBouncers x 21 (13 + 9, capped), 2 x 3 given up, 16 of the kit, 3 copies x 3 direct, 3 exporter's, 2 others
      "postgres-connections": [78, 97],
      "hard-stop": [80, 97],
      "max_db_connections:poolkit/poolkit_app": [10, 13],
      "max_user_connections:poolkit/poolkit_app": [10, 21],
      "shared-cap:poolkit/poolkit_app": [1 + 9, 21],
      "min-pool-size:poolkit/poolkit_app": [2, 10],
      "pool-cores": [2 * 10, 4 * 4],
      // without surge and live change: 2 x 3 x 20 + 7
      "pool-used": [2 * 10, 127],
      // 1.5 x 167 / 2 = 126 at the busier PgBouncer: (126 - 10) / 10 x 80 ms
      "queue-wait": [0.928, 2.5],
      "max_db_connections:jobs/poolkit_app": [5, 9],
      "max_user_connections:jobs/poolkit_app": [5, 21],
      "shared-cap:jobs/poolkit_app": [1 + 13, 21],
      "min-pool-size:jobs/poolkit_app": [2, 5],
      "pgbouncer-descriptors": [200 + 21 + 2 * 15 + 110, 4096],
      // 0.8 of the container's memory
      "postgres-memory": [256 + 40 + 78 * 10 + 42 * 4 * 2 + 3 * 64, 1638],
      // 221 x (16 + 8 KiB) = 5.2 MiB
      "pgbouncer-memory": [12 + 6, 102],
      "host-memory": [2048 + 128 + 700 + 256 + 2 * 64, 8000],
    });
  });

  it("bounds a pool without a limit by PgBouncer's clients, and needs no place for its minimum", () => {
    const endless = sums(pgbouncer({ default_pool_size: 0, min_pool_size: 3 }));
    expect(endless["max_db_connections:poolkit/poolkit_app"]).toEqual([200, 25]);
    expect(endless["session-servers"]).toBeUndefined();
    expect(endless["min-pool-size:poolkit/poolkit_app"]).toBeUndefined();
    expect(endless["pool-used"]).toEqual([25, 20]);
  });

  it("takes as long as nothing to reach a server where there is one for each client", () => {
    const idle = overrides({ connectionLimit: 4, poolSize: 15 }, { budget: { databaseCores: 8 } });
    expect(sums(idle)["queue-wait"]).toEqual([0, 2.5]);
  });

  it("leaves the slots alone that Postgres reserves", () => {
    const { limits } = kitDeployment;
    const reserving = { ...kitDeployment, limits: { ...limits, reservedConnections: 5 } };
    const { checks, roleLimits } = budgetOf(input(), reserving).budget;
    expect(checks.find(({ id }) => id === "postgres-connections")?.right).toEqual([
      { what: "max_connections", value: 100 },
      { what: "superuser_reserved_connections", value: -3 },
      { what: "reserved_connections", value: -5 },
    ]);
    expect(roleLimits.application).toBe(budgetOf(input()).budget.roleLimits.application - 5);
  });

  it("says a subtraction as one", () => {
    expect(accountJson(budgetOf(input()).budget).checks["postgres-connections"]?.right).toBe(
      "100 (max_connections) - 3 (superuser_reserved_connections) = 97",
    );
  });

  it.each([
    ["database-clients:poolkit", "poolkit", "max_db_client_connections", database],
    ["user-clients:poolkit_app", "poolkit_app", "max_user_client_connections", user],
  ] as const)("says whose limit on clients it is, and how PgBouncer refuses: %s", (id, whose, key, of) => {
    const check = budgetOf(of({ [key]: 9 })).budget.checks.find((one) => one.id === id);
    expect(check?.about).toBe(`the clients of ${whose} fit the limit of their own`);
    expect(check?.otherwise).toBe(`client connections exceeded (${key})`);
  });

  it("proves the times of health where it is the kit's", () => {
    const ids = (wanted: SizingInput) => budgetOf(wanted).budget.checks.map(({ id }) => id);
    const ofHealth = ["health-probe", "health-container"];
    expect(ids(input())).toEqual(expect.arrayContaining(ofHealth));
    expect(ids(input({ application: { image: "shop:1" } })).filter((id) => ofHealth.includes(id))).toEqual(
      [],
    );
  });

  it("lets a whole transaction end, which may be longer than a statement", () => {
    const statements = overrides({ statementTimeoutSeconds: 6, transactionTimeoutSeconds: 15 });
    expect(failingChecks(statements)).toEqual(new Set());
    const of = (id: string) =>
      budgetOf(statements)
        .budget.checks.find((check) => check.id === id)
        ?.left.at(-1);
    const longer = { what: "the longer of statement and transaction timeout", value: 15 };
    for (const id of ["request", "stop-grace", "pooler-stop"]) expect(of(id), id).toEqual(longer);
  });

  it("keeps PgBouncer's transaction_timeout outside of an idle transaction, too", () => {
    expect(failingChecks(pgbouncer({ transaction_timeout: 20 }))).toContain("backstop:transaction_timeout");
    expect(failingChecks(pgbouncer({ transaction_timeout: 21 }))).toEqual(new Set());
  });

  it("asks nothing of the wait for a reserve that a pool does not have", () => {
    const late = { reserve_pool_timeout: 9 };
    expect(failingChecks(pgbouncer(late))).toContain("reserve-queue:poolkit/poolkit_app");
    expect(failingChecks(pgbouncer({ ...late, reserve_pool_size: 0 }))).toEqual(new Set());
  });

  it("counts one wait in a queue inside query_timeout, that of the application's own pool", () => {
    const wanted = (seconds: number) =>
      pgbouncer({ query_timeout: seconds, databases: { jobs: { pool_size: 1, query_wait_timeout: 60 } } });
    expect(failingChecks(wanted(21))).not.toContain("backstop:query_timeout");
    expect(failingChecks(wanted(20))).toContain("backstop:query_timeout");
  });

  it("takes the application's server connections in session mode from its own pool", () => {
    const wanted = pgbouncer({ databases: { poolkit: { pool_mode: "session", pool_size: 20 }, jobs: {} } });
    const check = budgetOf(wanted).budget.checks.find(({ id }) => id === "session-servers");
    expect(check?.right).toEqual([{ what: "server connections of poolkit/poolkit_app", value: 25 }]);
    expect(failingChecks(wanted)).toContain("session-servers");
  });

  it("knows what 0 means to each of PgBouncer's timers", () => {
    const advice = (wanted: SizingInput) =>
      budgetOf(wanted)
        .budget.advice.map(({ found }) => found)
        .join("\n");
    expect(advice(pgbouncer({ tcp_keepidle: 0 }))).toContain("7230 (tcp_keepidle");
    expect(advice(pgbouncer({ tcp_keepintvl: 0, tcp_keepcnt: 0 }))).toContain("705 (tcp_keepidle");
    expect(advice(pgbouncer({ client_login_timeout: 0 }))).toContain("no limit (client_login_timeout)");
    expect(failingChecks(pgbouncer({ query_wait_timeout: 0 }))).toEqual(
      new Set(["queue-limited:poolkit/poolkit_app"]),
    );
    // The reserve that is never opened is no connection.
    const off = budgetOf(pgbouncer({ reserve_pool_timeout: 0 })).budget;
    expect(off.checks.find(({ id }) => id === "postgres-connections")?.left[0]?.value).toBe(15);
    expect(off.problems.map(({ found }) => found).join()).toContain("no limit (reserve_pool_timeout)");
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

  it("counts Prometheus' exporters where they run", () => {
    const used = (observability: boolean) => {
      const { checks } = accountJson(budgetOf(input({ observability })).budget);
      return [checks["pgbouncer-clients"], checks["postgres-connections"]];
    };
    expect(used(true)).toMatchObject([
      { left: expect.stringContaining("2 (console: exporter)"), used: 52 },
      { left: expect.stringContaining("3 (exporter)") },
    ]);
    expect(JSON.stringify(used(false))).not.toContain("exporter");
  });

  it("is plain JSON with what is used and what there is", () => {
    const { checks } = budgetOf(input()).budget;
    const output = accountJson(budgetOf(input()).budget);
    expect(JSON.parse(JSON.stringify(output))).toEqual(output);
    expect(output).toMatchObject({ problems: [], advice: [] });
    expect(Object.keys(output.checks)).toEqual(checks.map(({ id }) => id));
    expect(output.checks).toMatchObject({
      "pgbouncer-clients": { used: 50, relation: "<=", limit: 200, unit: "clients", holds: true },
      "postgres-connections": { limit: 97, unit: "connections" },
      "lock-statement": { left: "5 (lockTimeoutSeconds)", used: 5, relation: "<", limit: 15, unit: "s" },
      request: { limit: "no limit" },
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

  it.each(Object.entries(optionRanges))(
    "takes %s from its lowest value to its highest",
    (name, { min, max }) => {
      for (const value of [min, max]) {
        const { options, problems } = readBudgetOptions({ [name]: value }, 4);
        expect(problems).toEqual([]);
        expect(options).toMatchObject({ [name]: value });
      }
      for (const value of [min - 1, max + 1]) {
        const fix = `pulumi config set --path poolkit:budget.${name} ${min}`;
        expect(readBudgetOptions({ [name]: value }, 4).problems).toMatchObject([
          { found: String(value), fix },
        ]);
      }
    },
  );

  it("assumes of what is left out what docs/configuration.md says", () => {
    expect(readBudgetOptions({}, 4)).toEqual({
      options: {
        ...{ check: "refuse", otherClients: 0, otherConnections: 0, otherReplicas: 0, surge: 2 },
        ...{ hostMegabytes: undefined, requestSeconds: undefined, transactionMilliseconds: undefined },
        databaseCores: 4,
      },
      problems: [],
    });
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
    ...(
      [
        ["databases", "poolkit", "max_db_connections"],
        ["databases", "poolkit", "max_db_client_connections"],
        ["users", "poolkit_app", "max_user_connections"],
        ["users", "poolkit_app", "max_user_client_connections"],
      ] as const
    ).map(([section, name, key]): [string, Record<string, unknown>, string, string] => [
      `0 for ${key}, which means the global one`,
      { [key]: 9, [section]: { [name]: { [key]: 0 } } },
      `pgbouncer.${section}.${name}.${key}`,
      "leave it out for the global one",
    ]),
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
