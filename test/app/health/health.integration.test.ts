import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { type AppFiles, AppProcess } from "../../support/app-process.ts";
import { eventually, startLoad } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";

/** Every call of health() below also checks the promise of an answer within 2 s: without one it rejects. */
describe.skipIf(!(await engineAvailable()))("database health with real faults", () => {
  let database: AppDatabase;
  let app: AppProcess;
  let postgres: ReturnType<Docker["getContainer"]>;
  const repairs: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    database = await startAppDatabase({ query_wait_timeout: "20" });
    postgres = new Docker().getContainer(database.postgres.containerId);
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
      DATABASE_POOL_TIMEOUT: "4",
      STOP_GRACE: "5",
    },
    databaseUrl: database.urls.database,
    monitorUrl: database.urls.monitor,
    consoleUrl: database.urls.console,
    ...change,
  });

  /** Does something that `undo` takes back at the end of the test at the latest. */
  const withFault = async (fault: () => Promise<unknown>, undo: () => Promise<unknown>) => {
    let undone = false;
    const once = async () => {
      if (!undone) await undo();
      undone = true;
    };
    await fault();
    repairs.push(once);
    return once;
  };
  const sees = (status: string, cause: string | null, target = app) =>
    eventually(
      async () => {
        const health = await target.health();
        return health.status === status && health.cause === cause;
      },
      // The issue of health promises 5 s, for the cause and for the end of it.
      { what: `${status} ${cause}`, timeoutMs: 5000 },
    );
  const readiness = async () => (await app.get("/readyz", 2000)).status;

  /** Holds a table lock, so that every query of the application's tables waits. */
  const lockTable = async () => {
    const { port, password } = database.postgres;
    const client = new pg.Client({
      host: "127.0.0.1",
      port,
      user: "postgres",
      password,
      database: "poolkit",
    });
    await client.connect();
    await client.query("BEGIN; LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
    return await withFault(
      async () => {},
      () => client.end(),
    );
  };

  it("passes, with the numbers of every layer", async () => {
    await sees("pass", null);
    const health = await app.health();
    expect(health).toMatchObject({
      status: "pass",
      cause: null,
      connection: { status: "connected" },
      pool: {
        application: { mode: "enhanced", limit: 3 },
        pgbouncer: { version: "1.26.1", poolMode: "transaction", maxClientConn: 200 },
        postgres: { maxConnections: 200 },
      },
      metrics: { sessions: { total: 3, byStatus: { FAILED: 1, OPEN: 1, PROCESSED: 1 } } },
    });
    expect(await readiness()).toBe(200);
  });

  it("costs at most one probe for a hundred calls", async () => {
    const logins = async () => {
      const [row] = (await database.pgbouncer.console("SHOW STATS")).filter(
        (stats) => stats.database === "poolkit",
      );
      return Number(row?.total_client_login_count);
    };
    const before = await logins();
    await Promise.all(Array.from({ length: 100 }, () => app.health()));
    // One look on the path and one at the session counts; a second of each where the answers took longer than a look is fresh.
    expect((await logins()) - before).toBeLessThanOrEqual(4);
  });

  it("looks at most twice a second and logs in once in two, however many ask for how long", async () => {
    const direct = async () => {
      const { rows } = await database.asSuperuser((client) =>
        client.query<{ sessions: number }>(
          "SELECT sessions::int FROM pg_stat_database WHERE datname = 'poolkit'",
        ),
      );
      return Number(rows[0]?.sessions);
    };
    const pooled = async () => {
      const stats = await database.pgbouncer.console("SHOW STATS");
      const own = stats.filter((row) => row.database === "poolkit");
      const sum = (column: string) => own.reduce((total, row) => total + Number(row[column]), 0);
      return { logins: sum("total_client_login_count"), transactions: sum("total_xact_count") };
    };
    const before = { ...(await pooled()), direct: await direct() };
    const began = performance.now();
    const load = startLoad(100, () => app.get("/api/admin/database-health"));
    await sleep(4000);
    const { succeeded, failures } = await load.stop();
    const seconds = (performance.now() - began) / 1000;
    const after = { ...(await pooled()), direct: await direct() };
    expect(failures).toEqual([]);
    expect(succeeded).toBeGreaterThan(1000);
    // Two transactions a look at the path and one a count of the sessions; the edges of the time hold one more of each.
    const transactions = after.transactions - before.transactions;
    expect(transactions).toBeLessThanOrEqual(Math.ceil(seconds * 4.5) + 3);
    expect(transactions).toBeGreaterThan(seconds);
    // The path logs in once in two seconds; so does the direct look, beside this test's own login. The count stays.
    expect(after.logins - before.logins).toBeLessThanOrEqual(Math.ceil(seconds / 2) + 2);
    expect(after.direct - before.direct).toBeLessThanOrEqual(Math.ceil(seconds / 2) + 2);
  });

  it("names a frozen Postgres, and passes again when it goes on", async () => {
    const unpause = await withFault(
      () => postgres.pause(),
      () => postgres.unpause(),
    );
    await sees("fail", "postgres_unreachable");
    expect(await readiness()).toBe(503);
    expect((await app.get("/livez")).status).toBe(200);
    await unpause();
    await sees("pass", null);
    expect(await readiness()).toBe(200);
  });

  it("names a frozen PgBouncer", async () => {
    const { container } = database.pgbouncer;
    const unpause = await withFault(
      () => container.pause(),
      () => container.unpause(),
    );
    await sees("fail", "pgbouncer_unreachable");
    await unpause();
    await sees("pass", null);
  });

  it.each([
    ["PAUSE", "RESUME"],
    ["PAUSE poolkit", "RESUME poolkit"],
    ["DISABLE poolkit", "ENABLE poolkit"],
  ])("names what is held back by %s", async (command, undo) => {
    const resume = await withFault(
      () => database.pgbouncer.console(command),
      () => database.pgbouncer.console(undo),
    );
    await sees("fail", "pgbouncer_paused");
    await resume();
    await sees("pass", null);
  });

  it("names a login that is refused", async () => {
    const databaseUrl = database.urls.database.replace("canary", "wrong");
    const refused = await AppProcess.start(files({ databaseUrl }));
    try {
      await sees("fail", "login_failing", refused);
      const body = await (await refused.get("/api/admin/database-health")).text();
      expect(body).not.toMatch(/canary|-wrong|poolkit_monitor|127\.0\.0\.1:/);
    } finally {
      await refused.stop();
    }
  });

  it("warns when only the monitor cannot log in", async () => {
    const blind = await AppProcess.start(
      files({ monitorUrl: database.urls.monitor.replace("canary", "wrong") }),
    );
    try {
      await sees("warn", "monitoring_incomplete", blind);
      expect((await blind.get("/readyz")).status).toBe(200);
    } finally {
      await blind.stop();
    }
  });

  it("names a migration that is not applied", async () => {
    const setFinished = (value: string) =>
      database.asSuperuser((client) =>
        client.query(
          `UPDATE app._prisma_migrations SET finished_at = ${value} WHERE migration_name LIKE '%_seed'`,
        ),
      );
    const finish = await withFault(
      () => setFinished("NULL"),
      () => setFinished("now()"),
    );
    await sees("fail", "migration_pending");
    expect((await app.health()).output).toContain("_seed");
    await finish();
    await sees("pass", null);
  });

  it("ends at once on a second signal", async () => {
    const stopping = await AppProcess.start(files());
    try {
      await lockTable();
      const request = stopping.get("/api/sessions").catch(() => "cut");
      await eventually(async () => (await stopping.health()).pool.application.runningCount === 1);
      stopping.child.kill("SIGTERM");
      await eventually(async () => stopping.lines.some((line) => line.includes('"stopping"')));
      stopping.child.kill("SIGTERM");
      expect(await stopping.exited).toBe(1);
      expect(await request).toBe("cut");
    } finally {
      await stopping.stop();
    }
  });

  it("cuts off work that outlasts STOP_GRACE, and says so with exit code 1", async () => {
    const short = { DATABASE_CONNECTION_LIMIT: "3", DATABASE_POOL_TIMEOUT: "30", STOP_GRACE: "2" };
    const stopping = await AppProcess.start(files({ settings: short }));
    try {
      await lockTable();
      const request = stopping.get("/api/sessions");
      await eventually(async () => (await stopping.health()).pool.application.runningCount === 1);
      stopping.child.kill("SIGTERM");
      expect(await stopping.exited).toBe(1);
      expect((await request).status).toBe(503);
      expect(stopping.lines.join("\n")).toContain("work was cut off at the end of STOP_GRACE");
    } finally {
      await stopping.stop();
    }
  });

  // The last test: the container comes back with another port.
  it("names a stopped Postgres", async () => {
    await postgres.stop({ t: 5 });
    await sees("fail", "postgres_unreachable");
    const { output } = await app.health();
    expect(output).toContain("Postgres does not answer");
  });
});
