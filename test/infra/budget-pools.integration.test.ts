import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serverSizes } from "../../bench/budget/draw.ts";
import { type Lane, openLane, type Ports, password } from "../../bench/budget/lane.ts";
import { observe } from "../../cli/observe.ts";
import { budgetOf } from "../../infra/budget/budget.ts";
import { kitDeployment } from "../../infra/budget/deployment.ts";
import { roles } from "../../infra/names.ts";
import { engineAvailable } from "../support/postgres18.ts";

type Given = Readonly<Record<string, unknown>>;

const deployment = {
  ...kitDeployment,
  limits: { ...kitDeployment.limits, postgresMaxConnections: serverSizes[1] },
};

/** What the account assumes of PgBouncer's rules, seen on a real one. */
describe.skipIf(!(await engineAvailable()))("PgBouncer's own rules", () => {
  let lane: Lane;
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    lane = await openLane();
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
    await lane?.remove();
  });

  const inputOf = (pgbouncer: Given) => ({
    presetName: "dev" as const,
    databaseName: "poolkit",
    overrides: {},
    pgbouncer: { max_client_conn: 60, max_db_connections: 0, query_wait_timeout: 20, ...pgbouncer },
    budget: {},
    application: {},
    observability: false,
  });

  async function connect(ports: Ports, user: string, database: string): Promise<pg.Client> {
    const client = new pg.Client({ host: "127.0.0.1", port: ports.pgbouncer, user, password, database });
    client.on("error", () => {});
    await client.connect();
    clients.push(client);
    return client;
  }

  /** Server connections of the application's pool while many more clients than that are in a transaction. */
  async function serversUnder(pgbouncer: Given, edited?: (ini: string) => string): Promise<number> {
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment }, edited);
    const callers = await Promise.all(Array.from({ length: 16 }, () => connect(ports, roles.app, "poolkit")));
    const work = Promise.all(callers.map((client) => client.query("SELECT pg_sleep(0.3)")));
    const console = await connect(ports, roles.admin, "pgbouncer");
    let servers = 0;
    let isOver = false;
    const watch = async () => {
      while (!isOver) {
        const { rows } = await console.query<Record<string, unknown>>("SHOW POOLS");
        const pool = rows.find((row) => row.database === "poolkit" && row.user === roles.app);
        servers = Math.max(servers, Number(pool?.sv_active ?? 0) + Number(pool?.sv_idle ?? 0));
      }
    };
    const watching = watch();
    await work;
    isOver = true;
    await watching;
    await Promise.all(clients.splice(0).map((client) => client.end()));
    return servers;
  }

  const entries = (database: Given, user: Given) => ({
    default_pool_size: 6,
    reserve_pool_size: 0,
    databases: { poolkit: database },
    users: { poolkit_app: user },
  });

  it.each([
    ["the global size", entries({}, {}), 6],
    ["the database's size over it", entries({ pool_size: 4 }, {}), 4],
    ["the role's size over both", entries({ pool_size: 4 }, { pool_size: 3 }), 3],
    ["the cap of the database", entries({ max_db_connections: 2 }, {}), 2],
    ["the cap of the role", entries({}, { max_user_connections: 2 }), 2],
    [
      "the reserve, once a client has waited",
      { ...entries({}, {}), reserve_pool_size: 2, reserve_pool_timeout: 0.1 },
      8,
    ],
    [
      "the role's reserve over the database's",
      { ...entries({ reserve_pool_size: 5 }, { reserve_pool_size: 1 }), reserve_pool_timeout: 0.1 },
      7,
    ],
  ])("%s is what a pool grows to, and what the account counts", async (_what, pgbouncer, size) => {
    expect(await serversUnder(pgbouncer)).toBe(size);
    const { checks } = budgetOf(inputOf(pgbouncer), deployment).budget;
    expect(checks.find(({ id }) => id === "postgres-connections")?.left[0]?.value).toBe(size);
  });

  /** The kit does not write a 0 there: the file is edited. */
  const asZero = (key: string) => (ini: string) => {
    expect(ini).toContain(`${key}='9'`);
    return ini.replace(`${key}='9'`, `${key}='0'`);
  };

  it.each([
    ["max_user_connections", { max_user_connections: 2, ...entries({}, { max_user_connections: 9 }) }],
    ["max_db_connections", { max_db_connections: 2, ...entries({ max_db_connections: 9 }, {}) }],
  ])("0 for %s in an entry is the global one, not no limit", async (key, pgbouncer) => {
    expect(await serversUnder(pgbouncer, asZero(key))).toBe(2);
  });

  it.each([
    [
      "max_user_client_connections",
      { max_user_client_connections: 2, ...entries({}, { max_user_client_connections: 9 }) },
    ],
    [
      "max_db_client_connections",
      { max_db_client_connections: 2, ...entries({ max_db_client_connections: 9 }, {}) },
    ],
  ])("0 for %s in an entry is the global one, not no limit", async (key, pgbouncer) => {
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment }, asZero(key));
    for (let index = 0; index < 2; index++) await connect(ports, roles.app, "poolkit");
    await expect(connect(ports, roles.app, "poolkit")).rejects.toThrow(key);
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });

  it.each(["query_timeout", "idle_transaction_timeout", "transaction_timeout", "client_idle_timeout"])(
    "0 for %s in a role's entry is the global one, not never",
    async (key) => {
      const pgbouncer = { [key]: 1, ...entries({}, { [key]: 9 }) };
      const ports = await lane.use({ input: inputOf(pgbouncer), deployment }, asZero(key));
      const client = await connect(ports, roles.app, "poolkit");
      const dropped = async () => {
        if (key === "query_timeout") await client.query("SELECT pg_sleep(3)");
        await client.query(key === "client_idle_timeout" ? "SELECT 1" : "BEGIN");
        await sleep(2500);
        await client.query("SELECT 1");
      };
      await expect(dropped()).rejects.toThrow(/timeout|terminated|not queryable/);
    },
  );

  it("0 for server_lifetime in a database's entry is the global one, not use once", async () => {
    const pgbouncer = { server_lifetime: 3600, ...entries({ server_lifetime: 9 }, {}) };
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment }, asZero("server_lifetime"));
    const client = await connect(ports, roles.app, "poolkit");
    const backend = async () => (await client.query("SELECT pg_backend_pid() AS pid")).rows[0].pid;
    const before = await backend();
    await sleep(1500);
    expect(await backend()).toBe(before);
  });

  it.each([
    ["the role's own size", { pool_size: 3 }, 3],
    ["the database's where the role has none", {}, 4],
  ])("poolkit budget --observe judges %s", async (_what, role, size) => {
    const ports = await lane.use({ input: inputOf(entries({ pool_size: 4 }, role)), deployment });
    const url = (port: number, database: string) =>
      `postgres://${roles.monitor}:${password}@127.0.0.1:${port}/${database}`;
    const viewpoint = {
      consoleUrl: url(ports.pgbouncer, "pgbouncer"),
      monitorUrl: url(ports.postgres, "poolkit"),
      database: "poolkit",
      user: roles.app,
    };
    expect((await observe(viewpoint, 1, 2)).poolSize).toBe(size);
  });

  it("the role's query_wait_timeout counts, not the database's", async () => {
    const pgbouncer = {
      ...entries({ pool_size: 1, query_wait_timeout: 1 }, { query_wait_timeout: 15 }),
      server_connect_timeout: 1,
    };
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment });
    const [first, second] = [
      await connect(ports, roles.app, "poolkit"),
      await connect(ports, roles.app, "poolkit"),
    ];
    const long = first.query("SELECT pg_sleep(3)");
    expect((await second.query("SELECT 1 AS answer")).rows).toEqual([{ answer: 1 }]);
    await long;
  });

  it("query_timeout counts the time in the queue, too", async () => {
    const pgbouncer = { ...entries({ pool_size: 1 }, { query_timeout: 3 }), server_connect_timeout: 1 };
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment });
    const [first, second] = [
      await connect(ports, roles.app, "poolkit"),
      await connect(ports, roles.app, "poolkit"),
    ];
    await first.query("BEGIN");
    const queued = second.query("SELECT pg_sleep(2)").catch((error: Error) => error.message);
    await sleep(2000);
    await first.query("COMMIT");
    expect(await queued).toMatch(/query.timeout/);
  });

  it("a cap of the role that one entry uses up leaves the other entry no server, however short the queries", async () => {
    const pgbouncer = {
      ...entries({ pool_size: 2 }, { max_user_connections: 2 }),
      databases: { poolkit: { pool_size: 2 }, jobs: { pool_size: 2 } },
      query_wait_timeout: 1,
      server_connect_timeout: 1,
    };
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment });
    const busy = await Promise.all(Array.from({ length: 6 }, () => connect(ports, roles.app, "poolkit")));
    let isOver = false;
    const work = busy.map(async (client) => {
      while (!isOver) await client.query("SELECT pg_sleep(0.05)");
    });
    await sleep(300);
    // The first login to an entry asks a server for its parameters: it is queued as a query is.
    const starved = await connect(ports, roles.app, "jobs")
      .then((client) => client.query("SELECT 1"))
      .then(
        () => "served",
        (error: Error) => error.message,
      );
    isOver = true;
    await Promise.all(work);
    expect(starved).toContain("query_wait_timeout");
    const { problems } = budgetOf(inputOf(pgbouncer), deployment).budget;
    expect(problems.map(({ found }) => found).join()).toContain("pool jobs/poolkit_app has a server");
  });

  it("statement mode refuses transactions, which the application opens", async () => {
    const ports = await lane.use({ input: inputOf({ pool_mode: "statement" }), deployment });
    const client = await connect(ports, roles.app, "poolkit");
    await expect(client.query("BEGIN")).rejects.toThrow(
      /transaction blocks not allowed in statement pooling/,
    );
  });

  it("session mode keeps a server for every client: one more than the pool waits in vain", async () => {
    const pgbouncer = {
      ...entries({ pool_size: 2 }, {}),
      pool_mode: "session",
      query_wait_timeout: 1,
      server_connect_timeout: 1,
    };
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment });
    for (let index = 0; index < 2; index++)
      await (await connect(ports, roles.app, "poolkit")).query("SELECT 1");
    const third = await connect(ports, roles.app, "poolkit");
    await expect(third.query("SELECT 1")).rejects.toThrow(/query_wait_timeout/);
  });

  it("a server_connect_timeout below one second never connects", async () => {
    const pgbouncer = { server_connect_timeout: 0.9, query_wait_timeout: 2, client_login_timeout: 2 };
    const ports = await lane.use({ input: inputOf(pgbouncer), deployment });
    await expect(
      connect(ports, roles.app, "poolkit").then((client) => client.query("SELECT 1")),
    ).rejects.toThrow(/timeout|failing/);
  });
});
