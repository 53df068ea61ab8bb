import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { observe } from "../../cli/observe.ts";
import { adviseOn } from "../../infra/budget/observation.ts";
import { type AppDatabase, startAppDatabase } from "../support/app-database.ts";
import { engineAvailable } from "../support/postgres18.ts";

/** Less would leave too few transactions for a judgement, and Postgres counts up to a second late. */
const seconds = 3;
const transactionSeconds = 0.015;
/** Reads a table: Postgres counts the time of statements only along with what they read. */
const statement = "SELECT pg_sleep($1), (SELECT count(*) FROM app.chat_sessions)";

describe.skipIf(!(await engineAvailable()))("poolkit budget --observe, on a pool of 8", () => {
  let database: AppDatabase;

  beforeAll(async () => {
    database = await startAppDatabase({ default_pool_size: "8" });
  });
  afterAll(async () => {
    await database?.stop();
  });

  async function judged(databaseCores: number) {
    const { console: consoleUrl, monitor: monitorUrl } = database.urls;
    const viewpoint = { consoleUrl, monitorUrl, database: "poolkit", user: "poolkit_app" };
    return adviseOn(await observe(viewpoint, seconds, databaseCores));
  }

  /** So many callers, one transaction after the other, while the stack is watched. */
  async function adviceUnder(callers: number, databaseCores = 16) {
    const pool = new pg.Pool({ connectionString: database.urls.database, max: Math.max(1, callers) });
    let isOver = false;
    const call = async () => {
      while (!isOver) await pool.query(statement, [transactionSeconds]);
    };
    const calls = Array.from({ length: callers }, call);
    try {
      return await judged(databaseCores);
    } finally {
      isOver = true;
      await Promise.all(calls);
      await pool.end();
    }
  }

  it("calls it too large for one caller", async () => {
    const advice = await adviceUnder(1);
    expect(advice).toMatchObject({ verdict: "too large", poolSize: 8, suggestedPoolSize: 2 });
    expect(advice.busyConnections).toBeGreaterThan(0.5);
    expect(advice.busyConnections).toBeLessThanOrEqual(1);
  });

  it("calls it right for five", async () => {
    const advice = await adviceUnder(5);
    expect(advice).toMatchObject({ verdict: "right", suggestedPoolSize: 8 });
    expect(advice.transactionSeconds).toBeGreaterThanOrEqual(transactionSeconds);
    // Little's law: both sides are measured apart from each other.
    expect(advice.busyConnections).toBeCloseTo(advice.arrivalRate * advice.transactionSeconds, 3);
  });

  it("calls it too small for sixteen, and asks for at least what they use", async () => {
    const advice = await adviceUnder(16);
    expect(advice.verdict).toBe("too small");
    expect(advice.waitingClients).toBeGreaterThan(4);
    expect(advice.suggestedPoolSize).toBeGreaterThanOrEqual(12);
    expect(advice.activeSessions).toBeGreaterThan(4);
  });

  it("calls it limited by the cores where they are fewer than the statements at work", async () => {
    expect(await adviceUnder(16, 2)).toMatchObject({ verdict: "limited by cores", suggestedPoolSize: 8 });
  });

  it("calls it stuck when all wait for transactions that do not end", async () => {
    const pool = new pg.Pool({ connectionString: database.urls.database, max: 12 });
    const holders = await Promise.all(Array.from({ length: 8 }, () => pool.connect()));
    await Promise.all(holders.map((client) => client.query("BEGIN")));
    const waiting = Array.from({ length: 4 }, () => pool.query("SELECT 1"));
    try {
      expect(await judged(16)).toMatchObject({ verdict: "stuck", suggestedPoolSize: 8 });
    } finally {
      await Promise.all(holders.map((client) => client.query("ROLLBACK")));
      for (const client of holders) client.release();
      await Promise.all(waiting);
      await pool.end();
    }
  });

  it("says nothing about a stack at rest", async () => {
    expect((await adviceUnder(0)).verdict).toBe("idle");
  });
});
