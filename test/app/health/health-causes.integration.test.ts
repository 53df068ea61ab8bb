import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { classifyFailure } from "../../../app/database/database-failure.ts";
import { databasePool, prisma } from "../../../app/database/prisma.ts";
import { inTransaction } from "../../../app/database/transaction.ts";
import { withCaller } from "../../../app/database/work-context.ts";
import { Health } from "../../../app/health/health.ts";
import type { CauseName } from "../../../app/health/health-causes.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { configOf, useDatabase } from "../../support/app-layer.ts";
import { type AppFiles, AppProcess } from "../../support/app-process.ts";
import { eventually, startLoad } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";

/** What the issue of health promises: a cause is named, and gone again, within so long. */
const NAMED_WITHIN_MS = 5000;
const POOL_SIZE = 5;

/** Every cause that has a holder or a limit, by its real fault. health.integration.test.ts has the broken ways. */
describe.skipIf(!(await engineAvailable()))("causes of database health with real faults", () => {
  let database: AppDatabase;
  let app: AppProcess;
  const repairs: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    database = await startAppDatabase(
      { default_pool_size: String(POOL_SIZE), query_wait_timeout: "20" },
      { settings: { max_connections: "30" }, diskMegabytes: 400 },
    );
    await database.asSuperuser((client) =>
      client.query(`
        ALTER ROLE poolkit_app IN DATABASE poolkit SET statement_timeout = '12s';
        ALTER ROLE poolkit_app IN DATABASE poolkit SET lock_timeout = '11s';
        ALTER ROLE poolkit_app IN DATABASE poolkit SET idle_in_transaction_session_timeout = '30s'`),
    );
    await database.pgbouncer.console("RECONNECT");
    app = await AppProcess.start(files());
  });
  afterEach(async () => {
    for (const repair of repairs.splice(0).reverse()) await repair();
  });
  afterAll(async () => {
    await app?.stop();
    await database?.stop();
  });

  const files = (change: Partial<AppFiles> = {}): AppFiles => ({
    settings: {
      USE_ENHANCED_POOLING: "true",
      DATABASE_CONNECTION_LIMIT: "3",
      DATABASE_POOL_TIMEOUT: "2",
      DATABASE_IDLE_TIMEOUT: "1",
      // What gives up is answered at once: the faults are to reach the requests.
      DATABASE_RETRY_BUDGET: "0",
    },
    databaseUrl: database.urls.database,
    monitorUrl: database.urls.monitor,
    consoleUrl: database.urls.console,
    ...change,
  });

  const sees = async (status: string, cause: CauseName | null, target = app) => {
    let last: unknown;
    await eventually(
      async () => {
        const health = await target.health();
        last = [health.status, health.cause, health.output];
        return health.status === status && health.cause === cause;
      },
      { timeoutMs: NAMED_WITHIN_MS, what: `${status} ${cause}` },
    ).catch((error: Error) => {
      throw new Error(`${error.message}; last: ${JSON.stringify(last)}`);
    });
    return await target.health();
  };
  const passes = (target = app) => sees("pass", null, target);

  /** Undoes now, or at the end of the test at the latest. */
  const undoable = (undo: () => Promise<unknown>) => {
    let undone = false;
    const once = async () => {
      if (undone) return;
      undone = true;
      await undo();
    };
    repairs.push(once);
    return once;
  };

  /** A session of its own: the application's role through PgBouncer, or somebody else directly. */
  const session = async (connectionString: string, applicationName: string) => {
    const client = new pg.Client({ connectionString, application_name: applicationName });
    client.on("error", () => {}); // cut by a fault
    await client.connect();
    return { client, end: undoable(() => client.end().catch(() => {})) };
  };
  const pooled = (name: string) => session(database.urls.database, name);
  const direct = () => {
    const { user, password, host, port, database: db } = database.owner;
    return session(`postgres://${user}:${password}@${host}:${port}/${db}`, "night-report");
  };
  const pidOf = async (client: pg.Client) => {
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    return Number(rows[0]?.pid);
  };

  it("idle_in_transaction: who has begun a transaction and left it", async () => {
    await passes();
    const { client } = await pooled("checkout");
    await client.query("BEGIN");
    const pid = await pidOf(client);
    const { output } = await sees("warn", "idle_in_transaction");
    expect(output).toContain(`pid ${pid} (checkout, poolkit_app)`);
    await client.query("COMMIT");
    await passes();
  });

  it("idle_in_transaction: fails when such sessions hold all of PgBouncer's connections", async () => {
    const held = await Promise.all(Array.from({ length: POOL_SIZE }, () => pooled("checkout")));
    await Promise.all(held.map(({ client }) => client.query("BEGIN")));
    const { output } = await sees("fail", "idle_in_transaction");
    expect(output).toMatch(
      /^[45] sessions sit idle in a transaction.*All 5 server connections of PgBouncer's pool/,
    );
    await Promise.all(held.map(({ client }) => client.query("ROLLBACK")));
    await passes();
  });

  it("slow_queries: how many, how old and whose, never what they say", async () => {
    const { client, end } = await pooled("search");
    const slow = client.query("SELECT pg_sleep(11), 'canary-sql'").catch(() => {});
    const { output, holders } = await sees("warn", "slow_queries");
    expect(output).toMatch(/^1 statement has run .* pid \d+ \(search, poolkit_app\) for \d/);
    expect(holders.slowQueries.count).toBe(1);
    expect(await (await app.get("/api/admin/database-health")).text()).not.toContain("canary-sql");
    const pid = holders.slowQueries.oldest[0]?.pid;
    await database.asSuperuser((superuser) => superuser.query("SELECT pg_cancel_backend($1)", [pid]));
    await slow;
    await end();
    await passes();
  });

  it("slow_queries: fails when they hold all of PgBouncer's connections", async () => {
    const held = await Promise.all(Array.from({ length: POOL_SIZE }, () => pooled("search")));
    const slow = held.map(({ client }) => client.query("SELECT pg_sleep(10)").catch(() => {}));
    await sees("fail", "slow_queries");
    await database.asSuperuser((superuser) =>
      superuser.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'search'",
      ),
    );
    await Promise.all(slow);
    await passes();
  });

  it("lock_wait: who waits, and who keeps the lock", async () => {
    const blocker = await direct();
    const pid = await pidOf(blocker.client);
    await blocker.client.query("BEGIN; LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
    const request = app.get("/api/sessions");
    const { output, holders } = await sees("warn", "lock_wait");
    expect(output).toContain(`blocked by pid ${pid} (night-report, poolkit_owner), idle in transaction for `);
    expect(holders.lockWaits.oldest[0]).toMatchObject({ applicationName: "poolkit-app" });
    expect(holders.lockWaits.oldest[0]?.blockedBy.map((session) => session.pid)).toEqual([pid]);
    await blocker.client.query("ROLLBACK");
    expect((await request).status).toBe(200);
    await passes();
  });

  it("lock_wait: fails when requests give up because of it", async () => {
    const blocker = await direct();
    await blocker.client.query("BEGIN; LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
    const statuses: number[] = [];
    const requests = Array.from({ length: 8 }, () =>
      app.get("/api/sessions").then(({ status }) => statuses.push(status)),
    );
    const { output } = await sees("fail", "lock_wait");
    expect(output).toMatch(/^\d sessions wait for a lock.*Work gave up waiting for one of the 3 connections/);
    // Three hold the application's connections; all others give up.
    await expect.poll(() => statuses, { timeout: 10_000 }).toEqual([503, 503, 503, 503, 503]);
    await blocker.client.query("ROLLBACK");
    await Promise.all(requests);
    expect(statuses.slice(5)).toEqual([200, 200, 200]);
    await passes();
  });

  it("app_pool_exhausted: more requests than connections, and nobody who holds them", async () => {
    // Every row that the application reads costs a while: many short transactions, none of them long.
    const setSlow = (statement: string) => database.asSuperuser((superuser) => superuser.query(statement));
    await setSlow(`
      CREATE POLICY slow ON app.chat_sessions USING (coalesce(pg_sleep(0.2)::text, '') = '');
      ALTER TABLE app.chat_sessions ENABLE ROW LEVEL SECURITY`);
    const heal = undoable(() =>
      setSlow(`
        ALTER TABLE app.chat_sessions DISABLE ROW LEVEL SECURITY;
        DROP POLICY slow ON app.chat_sessions`),
    );
    const load = startLoad(30, () => app.get("/api/sessions"));
    try {
      await sees("fail", "app_pool_exhausted");
    } finally {
      expect((await load.stop()).failures.length).toBeGreaterThan(0);
    }
    await heal();
    await passes();
  });

  it("pgbouncer_pool_exhausted: more clients than server connections, and nobody who holds them", async () => {
    const clients = await Promise.all(Array.from({ length: 40 }, () => pooled("worker")));
    let done = false;
    const work = clients.map(async ({ client }) => {
      while (!done) await client.query("SELECT pg_sleep(0.4)");
    });
    try {
      const { output, advice } = await sees("fail", "pgbouncer_pool_exhausted");
      expect(output).toBe("All 5 server connections of PgBouncer's pool are busy and clients time out.");
      expect(advice).toContain("Now: default_pool_size 5 (poolkit:overrides.poolSize)");
    } finally {
      done = true;
      await Promise.all(work);
    }
    await passes();
  });

  it("pgbouncer_client_limit", async () => {
    const filler = await pooled("filler");
    await database.pgbouncer.console("SET max_client_conn = 1");
    const heal = undoable(() => database.pgbouncer.console("SET max_client_conn = 200"));
    await sees("fail", "pgbouncer_client_limit");
    await heal();
    await filler.end();
    await passes();
  });

  it("postgres_connections_exhausted: a warning while PgBouncer's connections work, a failure when it needs one", async () => {
    await passes();
    const fillers: { end: () => Promise<void> }[] = [];
    const fill = async () => {
      for (;;) {
        const filler = await direct().catch(() => null);
        if (filler === null) return;
        fillers.push(filler);
      }
    };
    await fill();
    await sees("warn", "postgres_connections_exhausted");
    await database.asSuperuser((superuser) =>
      superuser.query(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = 'poolkit_app'",
      ),
    );
    await fill();
    await sees("fail", "postgres_connections_exhausted");
    await Promise.all(fillers.map(({ end }) => end()));
    await passes();
  });

  it("dns, and pass once the names resolve", async () => {
    const elsewhere = (url: string) => url.replace("127.0.0.1", "no-such-host.invalid");
    const lost = await AppProcess.start(
      files({
        databaseUrl: elsewhere(database.urls.database),
        monitorUrl: elsewhere(database.urls.monitor),
        consoleUrl: elsewhere(database.urls.console),
      }),
    );
    try {
      await sees("fail", "dns", lost);
      lost.reconfigure(files());
      await passes(lost);
    } finally {
      await lost.stop();
    }
  });

  it("login_failing, and pass once the password is right", async () => {
    const refused = await AppProcess.start(
      files({ databaseUrl: database.urls.database.replace("canary", "wrong") }),
    );
    try {
      await sees("fail", "login_failing", refused);
      refused.reconfigure(files());
      await passes(refused);
    } finally {
      await refused.stop();
    }
  });

  /** Points the database layer of this very process at the database; gives its health. */
  const inProcess = async (environment: Record<string, string>) => {
    await useDatabase(database, environment);
    const config = configOf(database, environment);
    const health = new Health({
      config: () => config,
      configurationError: () => null,
      pool: () => databasePool.state(),
      requests: () => ({ underWay: 0, total: 0 }),
    });
    const names = (status: string, cause: CauseName | null) =>
      eventually(
        async () => {
          const body = await health.body();
          return body.status === status && body.cause === cause;
        },
        { timeoutMs: NAMED_WITHIN_MS, what: `${status} ${cause}` },
      );
    return { health, names };
  };

  it("app_pool_exhausted: transactions that Prisma gives up before the pool does", async () => {
    const environment = {
      DATABASE_CONNECTION_LIMIT: "3",
      DATABASE_POOL_TIMEOUT: "5",
      DATABASE_TRANSACTION_MAX_WAIT: "1",
      DATABASE_RETRY_BUDGET: "0",
    };
    const { names } = await inProcess(environment);
    let done = false;
    let gaveUp = 0;
    const work = Array.from({ length: 15 }, async () => {
      while (!done) {
        await inTransaction((transaction) => transaction.$queryRaw`SELECT pg_sleep(0.4)::text`).catch(
          (error: unknown) => {
            gaveUp += classifyFailure(error) === "transaction_start" ? 1 : 0;
          },
        );
      }
    });
    try {
      await names("fail", "app_pool_exhausted");
      expect(gaveUp).toBeGreaterThan(0);
      expect(databasePool.state().counters.acquireTimeouts).toBeGreaterThan(0);
    } finally {
      done = true;
      await Promise.all(work);
    }
    await names("pass", null);
    await prisma.$disconnect();
  });

  it("app_pool_leak: which code keeps connections, without and with requests that give up because of it", async () => {
    const environment = {
      DATABASE_CONNECTION_LIMIT: "3",
      DATABASE_POOL_TIMEOUT: "1",
      DATABASE_LEAK_THRESHOLD: "1.5",
      DATABASE_TRANSACTION_MAX_WAIT: "1",
      DATABASE_RETRY_BUDGET: "0",
    };
    const { health, names } = await inProcess(environment);
    const { promise: forgotten, resolve: remember } = Promise.withResolvers<void>();
    const leak = () =>
      withCaller("GET /report", () =>
        prisma.$transaction(() => forgotten, { timeout: 60_000 }).catch(() => {}),
      );
    try {
      const leaks = [leak()];
      await names("warn", "app_pool_leak");
      const { output, holders } = await health.body();
      expect(output).toMatch(
        /^1 pool connection is kept without work, the oldest for [\d.]+ s by GET \/report\.$/,
      );
      expect(holders.leaks).toMatchObject({ count: 1, oldestCaller: "GET /report" });
      leaks.push(leak(), leak());
      await sleep(1600); // their own threshold
      await expect(prisma.company.count()).rejects.toThrow();
      await names("fail", "app_pool_leak");
      remember();
      await Promise.all(leaks);
      await names("pass", null);
    } finally {
      remember();
      await prisma.$disconnect();
    }
  });

  it("disk_full: Postgres cannot write, reads go on", async () => {
    const inPostgres = async (command: string) => {
      const container = new Docker().getContainer(database.postgres.containerId);
      const exec = await container.exec({
        Cmd: ["sh", "-c", command],
        AttachStdout: true,
        AttachStderr: true,
      });
      const stream = await exec.start({});
      stream.resume();
      await new Promise((resolve) => stream.once("end", resolve));
    };
    await inPostgres(
      "dd if=/dev/zero of=/cluster/filler bs=1M; dd if=/dev/zero of=/cluster/rest bs=4k; true",
    );
    const heal = undoable(() => inPostgres("rm -f /cluster/filler /cluster/rest"));
    await sees("fail", "disk_full");
    expect((await app.get("/api/sessions")).status).toBe(200);
    await heal();
    await passes();
  });

  it("gives no alarm under load that the pools can carry", async () => {
    const load = startLoad(20, () => app.get("/api/sessions?limit=5"));
    const alarms: string[] = [];
    try {
      const end = Date.now() + 8_000;
      let isEnough = false;
      void load.progress(1000).then(() => {
        isEnough = true;
      });
      while (Date.now() < end || !isEnough) {
        const { status, cause, output } = await app.health();
        if (status !== "pass") alarms.push(`${status} ${cause}: ${output}`);
        await sleep(250);
      }
    } finally {
      expect((await load.stop()).failures).toEqual([]);
    }
    expect(alarms).toEqual([]);
  });
});
