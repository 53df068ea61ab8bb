import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../../app/config/config.ts";
import { classifyFailure } from "../../../app/database/database-failure.ts";
import { MeasuredPool, PoolMeasures } from "../../../app/database/measured-pool.ts";
import { databasePool, prisma } from "../../../app/database/prisma.ts";
import { inTransaction } from "../../../app/database/transaction.ts";
import { idempotent, withCaller } from "../../../app/database/work-context.ts";
import { beginImport, endImport, readImport } from "../../../app/processing/import-store.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { AppProcess } from "../../support/app-process.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { parseScrape } from "../../support/scrape.ts";

describe.skipIf(!(await engineAvailable()))("what the layer does about failures", () => {
  let database: AppDatabase;
  let app: AppProcess | undefined;
  const logged: { readonly fields: object; readonly message: string }[] = [];

  beforeAll(async () => {
    database = await startAppDatabase();
    const log = (fields: object, message: string) => void logged.push({ fields, message });
    databasePool.logTo({ debug: () => {}, info: log, warn: log });
  });
  afterEach(async () => {
    await app?.stop();
    app = undefined;
  });
  afterAll(async () => {
    await databasePool.close(5000);
    await database?.stop();
  });

  const use = (environment: Record<string, string> = {}) => {
    const loaded = loadConfig(
      {
        DATABASE_URL: database.urls.database,
        HEALTH_TOKEN: "x".repeat(43),
        API_TOKEN: "y".repeat(43),
        USE_ENHANCED_POOLING: "true",
        ...environment,
      },
      () => undefined,
    );
    if (!loaded.ok) throw new Error(loaded.problems.join());
    return databasePool.use(loaded.config.database);
  };
  const retries = () => databasePool.state().counters.retries;

  /** Locks a table, waits until a statement with `text` waits for it, ends its server process, unlocks. */
  const killWaiting = (text: string, table = "companies") =>
    database.asSuperuser(async (client) => {
      await client.query(`BEGIN; LOCK TABLE app.${table}`);
      const waiting = async () => {
        // On a connection of its own: inside of a transaction Postgres shows the same picture again and again.
        const { rows } = await database.asSuperuser((other) =>
          other.query<{ pid: number }>(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1",
            [`%${text}%`],
          ),
        );
        return rows[0]?.pid;
      };
      await eventually(async () => (await waiting()) !== undefined, { what: `a waiting ${text}` });
      await client.query("SELECT pg_terminate_backend($1)", [await waiting()]);
      await client.query("ROLLBACK");
    });

  it.each(["true", "false"])("repeats a read whose connection was killed (enhanced: %s)", async (mode) => {
    await use({ USE_ENHANCED_POOLING: mode });
    const before = retries().connection_lost ?? 0;
    const killed = killWaiting("COUNT(*)");
    await eventually(async () => (await lockHolders(database)) === 1);
    expect(await prisma.company.count()).toBe(2);
    await killed;
    expect(retries().connection_lost).toBeGreaterThan(before);
  });

  it("does not repeat a write whose connection was killed, unless it is declared idempotent", async () => {
    await use();
    const [{ name }] = [await prisma.company.findFirstOrThrow()];
    const touch = () => prisma.company.updateMany({ where: { name }, data: { name } });
    const first = killWaiting("UPDATE");
    await eventually(async () => (await lockHolders(database)) === 1);
    await expect(touch()).rejects.toThrow(/terminating connection/);
    await first;
    const second = killWaiting("UPDATE");
    await eventually(async () => (await lockHolders(database)) === 1);
    expect(await idempotent(touch)).toEqual({ count: 1 });
    await second;
  });

  it("writes the end of an import down once, although its connection was killed", async () => {
    await use();
    const id = await beginImport("Killed", "killed.csv", 30);
    const killed = killWaiting("UPDATE", "imports");
    await eventually(async () => (await lockHolders(database, "imports")) === 1);
    const end = { status: "COMPLETED", error: null, sha256: "0", rejected: 1 } as const;
    await endImport(id, { ...end, rejections: [{ line: 7, reason: "because" }] });
    await killed;
    expect(await readImport(id)).toMatchObject({
      status: "COMPLETED",
      rejections: [{ line: 7, reason: "because" }],
    });
  });

  it("gives up within the budget while PgBouncer stays full, and counts that", async () => {
    await use({ DATABASE_RETRY_BUDGET: "1" });
    await database.pgbouncer.console("SET max_client_conn = 0");
    const before = databasePool.state().counters.retriesGivenUp;
    const since = performance.now();
    const refused = await prisma.company.count().catch(classifyFailure);
    const afterMs = performance.now() - since;
    await database.pgbouncer.console("SET max_client_conn = 200");
    expect(refused).toBe("client_limit");
    expect(afterMs).toBeLessThan(2500);
    expect(databasePool.state().counters.retriesGivenUp).toBe(before + 1);
  });

  it("breaks what a former pool still holds at the deadline of a live change, in enhanced mode", async () => {
    await use({
      DATABASE_ACQUIRE_TIMEOUT: "0.5",
      DATABASE_TRANSACTION_TIMEOUT: "0.5",
      DATABASE_RETRY_BUDGET: "0",
    });
    const { promise: unlocked, resolve: unlock } = Promise.withResolvers<void>();
    const locked = database.asSuperuser(async (client) => {
      await client.query("BEGIN; LOCK TABLE app.companies");
      await unlocked;
      await client.query("ROLLBACK");
    });
    await eventually(async () => (await lockHolders(database)) === 1);
    try {
      const stuck = prisma.company.count().catch(classifyFailure);
      const clients = async () =>
        (await database.pgbouncer.console("SHOW CLIENTS")).filter(
          (row) => row.application_name === "poolkit-app",
        ).length;
      await eventually(async () => (await clients()) === 1, { what: "the stuck client" });
      await use();
      expect(await stuck).toBe("cut_off");
      // Long before Postgres or the lock would let it go.
      await eventually(async () => databasePool.state().drainingPools === 0, {
        what: "the former pool's end",
      });
      await eventually(async () => (await clients()) === 0, { what: "no client of the former pool" });
    } finally {
      unlock();
      await locked;
    }
  });

  it("repeats writes that find PgBouncer full, and none of them twice", async () => {
    await use({ DATABASE_CONNECTION_LIMIT: "4" });
    await database.pgbouncer.console("SET max_client_conn = 0");
    const names = Array.from({ length: 20 }, (_, index) => `full-${index}`);
    const writes = Promise.all(names.map((name) => prisma.company.create({ data: { name } })));
    await eventually(async () => (retries().client_limit ?? 0) > 0, { what: "a repetition" });
    await database.pgbouncer.console("SET max_client_conn = 200");
    await writes;
    expect(await prisma.company.count({ where: { name: { startsWith: "full-" } } })).toBe(20);
  });

  it("repeats whole transactions that conflict, until each has had its effect exactly once", async () => {
    await use({ DATABASE_CONNECTION_LIMIT: "10", DATABASE_RETRY_BUDGET: "30" });
    await prisma.company.create({ data: { name: "counter-0" } });
    const count = () =>
      inTransaction(
        async (transaction) => {
          const { id, name } = await transaction.company.findFirstOrThrow({
            where: { name: { startsWith: "counter-" } },
          });
          const next = Number(name.split("-")[1]) + 1;
          await transaction.company.update({ where: { id }, data: { name: `counter-${next}` } });
        },
        { isolationLevel: "Serializable" },
      );
    await Promise.all(Array.from({ length: 8 }, count));
    expect(retries().write_conflict).toBeGreaterThan(0);
    expect(await prisma.company.count({ where: { name: "counter-8" } })).toBe(1);
  });

  it("opens the breaker while PgBouncer is gone, fails at once, and closes by itself", async () => {
    await use({ DATABASE_RETRY_BUDGET: "0" });
    await prisma.company.count();
    const { container } = database.pgbouncer;
    await container.pause(); // frees the test from a new port: the answer to a connection is what is missing
    await use({
      DATABASE_RETRY_BUDGET: "0",
      DATABASE_ACQUIRE_TIMEOUT: "0.3",
      DATABASE_CONNECTION_LIMIT: "10",
    });
    for (let call = 0; call < 5; call++) await prisma.company.count().catch(() => {});
    expect(databasePool.state()).toMatchObject({ circuit: "open" });
    const refused = await prisma.company.count().catch((error: unknown) => error);
    await container.unpause();
    expect(classifyFailure(refused)).toBe("circuit_open");
    await eventually(async () => databasePool.state().circuit === "closed", { what: "the closed breaker" });
    expect(await prisma.company.count()).toBeGreaterThan(0);
    const changes = logged.filter(({ message }) => message.includes("circuit breaker"));
    expect(changes.map(({ fields }) => fields)).toEqual(
      expect.arrayContaining([{ circuit: "open" }, { circuit: "closed" }]),
    );
  });

  it("shows the open breaker in health and metrics, and that it is closed again", async () => {
    const started = await AppProcess.start({
      settings: { DATABASE_ACQUIRE_TIMEOUT: "0.3", DATABASE_RETRY_BUDGET: "0", STOP_GRACE: "2" },
      databaseUrl: database.urls.database,
      monitorUrl: database.urls.monitor,
      consoleUrl: database.urls.console,
    });
    app = started;
    const shown = async () => {
      const { circuit } = (await started.health()).pool.application;
      const series = parseScrape(await (await started.get("/metrics")).text());
      const states = series.filter(({ name }) => name === "poolkit_circuit_state");
      return {
        circuit,
        states: Object.fromEntries(states.map(({ labels, value }) => [labels.state, value])),
      };
    };
    expect(await shown()).toEqual({ circuit: "closed", states: { closed: 1, open: 0, half_open: 0 } });
    /** In both at the same look; while a trial is under way they say half_open, each for itself. */
    const isShown = (state: string) =>
      shown().then(
        ({ circuit, states }) => circuit === state && states[state] === 1,
        () => false,
      );
    const { container } = database.pgbouncer;
    await container.pause();
    const calls: Promise<unknown>[] = [];
    try {
      const isOpen = () => {
        // Several at once: one may get a connection that was open before, and wait on it.
        for (let call = 0; call < 8; call++) calls.push(started.get("/api/sessions").catch(() => {}));
        return isShown("open");
      };
      await eventually(isOpen, { what: "the open breaker" });
    } finally {
      await container.unpause();
    }
    await Promise.all(calls);
    await eventually(() => isShown("closed"), { what: "the closed breaker" });
  });

  it("renews connections that have reached DATABASE_MAX_LIFETIME", async () => {
    await use({ DATABASE_MAX_LIFETIME: "1" });
    const counted = () => {
      const { connects = 0, removes = 0 } = databasePool.state().measurements ?? {};
      return { connects, removes };
    };
    await prisma.company.count();
    const before = counted();
    for (let look = 0; look < 35; look++) {
      await prisma.company.count();
      await sleep(100);
    }
    expect(counted().connects).toBeGreaterThanOrEqual(before.connects + 2);
    expect(counted().removes).toBeGreaterThanOrEqual(before.removes + 2);
  });

  it.runIf(process.platform === "linux").each([
    ["enhanced", "true", true],
    ["standard", "false", false],
  ])("has the kernel probe idle sockets in enhanced mode only: %s", async (_mode, enhanced, isProbed) => {
    await use({ USE_ENHANCED_POOLING: enhanced });
    await prisma.company.count();
    const timers = () => timersOf(database.pgbouncer.port);
    // Until the last answer is acknowledged the timer is another one.
    await eventually(
      async () => timers().length === 1 && timers()[0] === (isProbed ? KEEP_ALIVE : NO_TIMER),
      {
        what: `the timer of one socket, but ${timers()}`,
      },
    );
  });

  it("logs a connection that is kept too long once, with who keeps it, and counts it", async () => {
    await use({ DATABASE_LEAK_THRESHOLD: "0.5", DATABASE_CONNECTION_LIMIT: "3" });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const holder = withCaller("a leaking job", () =>
      inTransaction(async (transaction) => {
        await transaction.company.count();
        await released;
      }),
    );
    const overdue = () => databasePool.state().measurements?.overdue;
    await eventually(async () => (databasePool.state().measurements?.leaks ?? 0) > 0, { what: "a leak" });
    expect(overdue()).toMatchObject({ count: 1, oldestCaller: "a leaking job" });
    expect(overdue()?.oldestSeconds).toBeGreaterThanOrEqual(0.5);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    release();
    await holder;
    expect(overdue()).toEqual({ count: 0, oldestSeconds: null, oldestCaller: null });
    expect(databasePool.state().measurements?.leaks).toBe(1);
    const told = logged.filter(({ message }) => message.includes("DATABASE_LEAK_THRESHOLD"));
    expect(told).toHaveLength(1);
    expect(told[0]?.fields).toMatchObject({ caller: "a leaking job" });
  });

  it("counts what is kept too long of a pool that a live change has replaced, next to that of the new one", async () => {
    await use({ DATABASE_LEAK_THRESHOLD: "0.5" });
    const { leaks = 0 } = databasePool.state().measurements ?? {};
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const hold = (caller: string) =>
      withCaller(caller, () =>
        inTransaction(async (transaction) => {
          await transaction.company.count();
          await released;
        }),
      );
    const former = hold("a job of before");
    await eventually(async () => databasePool.state().counts?.totalCount === 1, { what: "its connection" });
    await use({ DATABASE_LEAK_THRESHOLD: "0.6" });
    const later = hold("a job of now");
    const overdue = () => databasePool.state().measurements?.overdue;
    await eventually(async () => overdue()?.count === 2, { what: "both" });
    expect(overdue()).toMatchObject({ oldestCaller: "a job of before" });
    await eventually(async () => databasePool.state().measurements?.leaks === leaks + 2, {
      what: "both leaks",
    });
    release();
    await Promise.all([former, later]);
    await eventually(async () => overdue()?.count === 0, { what: "both given back" });
  });

  it("still counts what is kept too long once its pool closes", async () => {
    const measures = new PoolMeasures();
    const told: object[] = [];
    const pool = new MeasuredPool(
      { connectionString: database.urls.database },
      { measures, leakThresholdSeconds: 0.5, listener: { onLeak: (leak) => told.push(leak) } },
    );
    const client = await pool.connect();
    const ended = pool.end();
    await eventually(async () => measures.leaks === 1, { what: "a leak" });
    expect(told).toHaveLength(1);
    client.release();
    await ended;
  });

  it("measures the wait for a connection, and nothing of it in standard mode", async () => {
    await use({ DATABASE_CONNECTION_LIMIT: "1" });
    const before = databasePool.state().measurements?.acquireWaitSeconds.count ?? 0;
    await Promise.all([1, 2].map(() => prisma.$queryRaw`SELECT pg_sleep(0.2)::text`));
    const { acquireWaitSeconds, connects } = databasePool.state().measurements ?? {};
    expect(acquireWaitSeconds?.count).toBe(before + 2);
    const quick = acquireWaitSeconds?.buckets.find(({ le }) => le === 0.1)?.count ?? 0;
    expect((acquireWaitSeconds?.count ?? 0) - quick).toBeGreaterThanOrEqual(1);
    expect(connects).toBeGreaterThan(0);
    await use({ USE_ENHANCED_POOLING: "false" });
    await prisma.company.count();
    expect(databasePool.state()).toMatchObject({ counts: null, measurements: null });
  });
});

/** Kinds of timers in /proc/net/tcp. */
const NO_TIMER = "00";
const KEEP_ALIVE = "02";

/** The timers of this process's open sockets to a port of this machine. */
function timersOf(port: number): string[] {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/self/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to, state]) => to === remote && state === "01")
    .map(([, , , , , timer = ""]) => timer.slice(0, 2));
}

/** Sessions that hold a table locked. */
async function lockHolders(database: AppDatabase, table = "companies"): Promise<number> {
  const { rows } = await database.asSuperuser((client) =>
    client.query<{ holders: number }>(
      "SELECT count(*)::int AS holders FROM pg_locks WHERE relation = $1::regclass AND mode = 'AccessExclusiveLock' AND granted",
      [`app.${table}`],
    ),
  );
  return rows[0]?.holders ?? 0;
}
