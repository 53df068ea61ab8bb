import { setTimeout as sleep } from "node:timers/promises";
import type { SqlQuery, Transaction } from "@prisma/driver-adapter-utils";
import { describe, expect, it } from "vitest";
import type { DatabaseSettings } from "../../../app/config/config.ts";
import { CircuitOpenError, classifyFailure } from "../../../app/database/database-failure.ts";
import { PoolExchange } from "../../../app/database/pool-exchange.ts";
import { CLOSED_MESSAGE, CUT_OFF_MESSAGE } from "../../../app/database/pool-lease.ts";
import { eventually } from "../../support/load.ts";
import { FakePool, NO_ROWS, settings } from "../fixtures/fake-pool.ts";

const QUERY: SqlQuery = { sql: "SELECT 1", args: [], argTypes: [] };

async function exchangeWith(limit: number, change: Partial<DatabaseSettings> = {}) {
  const pools: FakePool[] = [];
  const exchange = new PoolExchange(
    async (wanted) => {
      const pool = new FakePool(wanted);
      pools.push(pool);
      return pool;
    },
    async () => false,
  );
  await exchange.use({ ...settings(limit), ...change });
  const poolAt = (index: number) => {
    const pool = pools[index];
    if (pool === undefined) throw new Error(`pool ${index} was never opened`);
    return pool;
  };
  return { exchange, pools, poolAt };
}

/** Lets everything that is ready to run, run. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("PoolExchange", () => {
  it("sends new work to the new pool and closes the former one after its last statement", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    const former = exchange.queryRaw(QUERY);
    await exchange.use(settings(2));
    const current = exchange.queryRaw(QUERY);
    expect([poolAt(0).statements.length, poolAt(1).statements.length]).toEqual([1, 1]);
    await settle();
    expect(poolAt(0).closed).toBe(false);
    expect(exchange.state()).toMatchObject({ limit: 2, drainingPools: 1 });
    poolAt(0).statements[0]?.resolve(NO_ROWS);
    await former;
    await settle();
    expect(poolAt(0).closed).toBe(true);
    expect(exchange.state().drainingPools).toBe(0);
    poolAt(1).statements[0]?.resolve(NO_ROWS);
    await current;
    expect(poolAt(1).closed).toBe(false);
  });

  it.each<[string, (transaction: Transaction) => Promise<void>]>([
    ["commit", (transaction) => transaction.commit()],
    ["a rollback that fails", (transaction) => transaction.rollback().catch(() => {})],
  ])("keeps the former pool until the %s of its transaction", async (_name, end) => {
    const { exchange, poolAt } = await exchangeWith(1);
    const transaction = await exchange.startTransaction();
    await exchange.use(settings(2));
    await transaction.queryRaw(QUERY);
    await settle();
    expect(poolAt(0).closed).toBe(false);
    await end(transaction);
    await settle();
    expect(poolAt(0).closed).toBe(true);
  });

  it("says how long the longest-waiting work has waited: a queue that moves is no long wait", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    const first = exchange.queryRaw(QUERY);
    const second = exchange.queryRaw(QUERY);
    await sleep(50);
    const before = exchange.state().longestWaitMs;
    const third = exchange.queryRaw(QUERY);
    await settle();
    poolAt(0).statements[0]?.resolve(NO_ROWS);
    await first;
    expect(exchange.state().longestWaitMs).toBeGreaterThan(0);
    expect(exchange.state().longestWaitMs).toBeLessThan(before);
    for (const statement of poolAt(0).statements) statement.resolve(NO_ROWS);
    await Promise.all([second, third]);
  });

  it("forgets the wait when the queue is gone", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    const first = exchange.queryRaw(QUERY);
    expect(exchange.state()).toMatchObject({ running: 1, longestWaitMs: 0 });
    const second = exchange.queryRaw(QUERY);
    await settle();
    expect(exchange.state().running).toBe(2);
    expect(exchange.state().longestWaitMs).toBeGreaterThan(0);
    poolAt(0).statements[0]?.resolve(NO_ROWS);
    await first;
    expect(exchange.state()).toMatchObject({ running: 1, longestWaitMs: 0 });
    poolAt(0).statements[1]?.resolve(NO_ROWS);
    await second;
  });

  it("knows a transaction that has its connection from those that asked later and wait", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    poolAt(0).begins = [];
    const first = exchange.startTransaction();
    const second = exchange.startTransaction();
    await sleep(50);
    poolAt(0).begins?.[0]?.resolve();
    const transaction = await first;
    expect(exchange.state()).toMatchObject({ running: 2 });
    expect(exchange.state().longestWaitMs).toBeGreaterThanOrEqual(45);
    await transaction.commit();
    expect(exchange.state()).toMatchObject({ running: 1, longestWaitMs: 0 });
    poolAt(0).begins?.[1]?.resolve();
    await (await second).commit();
    expect(exchange.state().running).toBe(0);
  });

  it("counts a transaction that Prisma gives up as one that gave up waiting, once, and never begins it again", async () => {
    const change = { transactionMaxWaitSeconds: 0.03, retryBudgetSeconds: 60 };
    const { exchange, poolAt } = await exchangeWith(1, change);
    const statement = exchange.queryRaw(QUERY);
    poolAt(0).begins = [];
    const abandoned = exchange.startTransaction();
    await sleep(60);
    expect(exchange.state().counters.acquireTimeouts).toBe(1);
    expect(exchange.state().lastAcquireTimeoutMsAgo).toBeLessThan(60_000);
    poolAt(0).begins?.[0]?.reject(new Error("timeout exceeded when trying to connect"));
    await expect(abandoned).rejects.toThrow("timeout exceeded");
    expect(poolAt(0).begins).toHaveLength(1);
    expect(exchange.state().counters.acquireTimeouts).toBe(1);
    poolAt(0).statements[0]?.resolve(NO_ROWS);
    await statement;
  });

  it("does not blame the pool for a begin that has its connection and no answer", async () => {
    const { exchange, poolAt } = await exchangeWith(1, { transactionMaxWaitSeconds: 0.03 });
    poolAt(0).begins = [];
    const begun = exchange.startTransaction();
    await sleep(60);
    expect(exchange.state().counters.acquireTimeouts).toBe(0);
    poolAt(0).begins?.[0]?.resolve();
    await (await begun).commit();
  });

  it("counts a failed statement as ended and remembers that work gave up waiting", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    const refused = exchange.queryRaw(QUERY);
    poolAt(0).statements[0]?.reject(new Error("timeout exceeded when trying to connect"));
    await expect(refused).rejects.toThrow("timeout exceeded");
    expect(exchange.state().running).toBe(0);
    expect(exchange.state().lastAcquireTimeoutMsAgo).toBeLessThan(60_000);
  });

  it("closes when all work has ended, and says so", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    const statement = exchange.queryRaw(QUERY);
    const closing = exchange.close(60_000);
    poolAt(0).statements[0]?.resolve(NO_ROWS);
    await statement;
    expect(await closing).toBe(true);
    expect(poolAt(0).closed).toBe(true);
  });

  it("opens no pool that a live change brings after a close", async () => {
    const { exchange, pools, poolAt } = await exchangeWith(1);
    await exchange.close(1);
    await expect(exchange.use(settings(2))).rejects.toThrow(CLOSED_MESSAGE);
    expect(pools.every(({ closed }) => closed)).toBe(true);
    await expect(exchange.queryRaw(QUERY)).rejects.toThrow(CLOSED_MESSAGE);
    expect(poolAt(0).statements).toHaveLength(0);
  });

  it("answers what is left at the deadline of a close, refuses what comes later, and says so", async () => {
    const { exchange, pools } = await exchangeWith(1);
    const refused = (call: Promise<unknown>) => expect(call).rejects.toThrow(CUT_OFF_MESSAGE);
    const statement = refused(exchange.queryRaw(QUERY));
    const transaction = await exchange.startTransaction();
    expect(await exchange.close(1)).toBe(false);
    await statement;
    const late = await exchange.queryRaw(QUERY).catch((error: unknown) => error);
    expect(classifyFailure(late)).toBe("pool_closed");
    expect(pools).toHaveLength(1);
    await transaction.rollback().catch(() => {});
  });

  it("answers what is left on former pools, too, at the deadline of a close", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    const failureOf = (call: Promise<unknown>) => call.then(() => "none", classifyFailure);
    const calls = [failureOf(exchange.queryRaw(QUERY))];
    await exchange.use(settings(2));
    calls.push(failureOf(exchange.executeRaw(QUERY)));
    await exchange.use(settings(3));
    calls.push(failureOf(exchange.queryRaw(QUERY)));
    const logged: object[] = [];
    exchange.logTo({ debug: () => {}, info: () => {}, warn: (fields) => logged.push(fields) });
    expect(await exchange.close(1)).toBe(false);
    // Each was on its way: nobody knows whether it was done.
    expect(await Promise.all(calls)).toEqual(["cut_off", "cut_off", "cut_off"]);
    await settle();
    expect([0, 1, 2].map((index) => poolAt(index).closed)).toEqual([true, true, true]);
    expect(logged).toContainEqual({ cutOff: 3 });
  });

  it("answers what is left on a former pool at the deadline of a live change, and breaks its connections", async () => {
    const short = { acquireTimeoutSeconds: 0.01, transactionTimeoutSeconds: 0.01 };
    const { exchange, poolAt } = await exchangeWith(1, short);
    const statement = exchange.queryRaw(QUERY).catch(classifyFailure);
    const transaction = await exchange.startTransaction();
    await exchange.use(settings(2));
    const current = exchange.queryRaw(QUERY);
    expect(await statement).toBe("cut_off");
    await settle();
    expect(poolAt(0)).toMatchObject({ broken: true, closed: true });
    expect(poolAt(1)).toMatchObject({ broken: false, closed: false });
    poolAt(1).statements[0]?.resolve(NO_ROWS);
    await current;
    await transaction.rollback().catch(() => {});
  });

  it("rolls back a transaction that begins after its caller was cut off, and gives its connection back", async () => {
    const short = { acquireTimeoutSeconds: 0.01, transactionTimeoutSeconds: 0.01 };
    const { exchange, poolAt } = await exchangeWith(1, short);
    poolAt(0).begins = [];
    const begun = exchange.startTransaction().catch(classifyFailure);
    await exchange.use(settings(2));
    expect(await begun).toBe("cut_off");
    poolAt(0).begins?.[0]?.resolve();
    await settle();
    expect(poolAt(0).toldTransactions).toEqual(["ROLLBACK", "released"]);
  });

  it("breaks no connection of a pool whose work has ended in time", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    await exchange.use(settings(2));
    await settle();
    expect(poolAt(0)).toMatchObject({ broken: false, closed: true });
  });

  it.each<[string, string, (exchange: PoolExchange) => Promise<unknown>]>([
    ["a statement", "unreachable", (exchange) => exchange.queryRaw(QUERY)],
    [
      "a whole transaction",
      "write_conflict",
      (exchange) =>
        exchange.withRetry(
          () => "transaction",
          () => Promise.reject(Object.assign(new Error("conflict"), { code: "40001" })),
        ),
    ],
  ])("answers %s that pauses between two attempts at the end of a close", async (_what, kind, begin) => {
    const { exchange, poolAt } = await exchangeWith(1, { retryBudgetSeconds: 60 });
    const work = begin(exchange).catch(classifyFailure);
    const refuse = () => {
      poolAt(0)
        .statements.at(-1)
        ?.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
    };
    refuse();
    // The pauses grow to a second.
    const refusing = setInterval(refuse, 5);
    await sleep(1500);
    clearInterval(refusing);
    refuse();
    await settle();
    const closedAt = performance.now();
    await exchange.close(1);
    const attempts = poolAt(0).statements.length;
    expect(await work).toBe(kind);
    expect(performance.now() - closedAt).toBeLessThan(400);
    await sleep(1100);
    expect(poolAt(0).statements).toHaveLength(attempts);
  });

  it("repeats a statement that never reached Postgres, on the pool of that moment", async () => {
    const { exchange, poolAt } = await exchangeWith(1, { retryBudgetSeconds: 60 });
    const statement = exchange.executeRaw({ ...QUERY, sql: "UPDATE t SET a = 1" });
    poolAt(0).writes[0]?.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
    await exchange.use({ ...settings(2), retryBudgetSeconds: 60 });
    await eventually(async () => poolAt(1).writes.length === 1);
    poolAt(1).writes[0]?.resolve(3);
    expect(await statement).toBe(3);
    expect(exchange.state().counters.retries).toEqual({ unreachable: 1 });
  });

  it("repeats nothing inside of a transaction", async () => {
    const { exchange, poolAt } = await exchangeWith(1, { retryBudgetSeconds: 60 });
    const transaction = await exchange.startTransaction();
    const lost = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    poolAt(0).transactionFailure = lost;
    await expect(transaction.queryRaw(QUERY)).rejects.toBe(lost);
    expect(exchange.state().counters.retries).toEqual({});
    await transaction.rollback().catch(() => {});
  });

  it("measures the commit as Prisma sends it, and not giving back the connection", async () => {
    const { exchange } = await exchangeWith(1);
    const transaction = await exchange.startTransaction();
    await transaction.executeRaw({ ...QUERY, sql: "COMMIT" });
    await transaction.commit();
    const measured = exchange.operationTimes().map(({ operation, seconds }) => [operation, seconds.count]);
    expect(measured).toEqual([
      ["BEGIN", 1],
      ["COMMIT", 1],
    ]);
  });

  it("fails at once while the way is broken, and says so", async () => {
    const { exchange, poolAt } = await exchangeWith(1);
    for (let call = 0; call < 5; call++) {
      const statement = exchange.queryRaw(QUERY);
      poolAt(0).statements[call]?.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
      await statement.catch(() => {});
    }
    expect(exchange.state()).toMatchObject({ circuit: "open", counters: { circuitOpened: 1 } });
    await expect(exchange.startTransaction()).rejects.toBeInstanceOf(CircuitOpenError);
    expect(exchange.state().running).toBe(0);
    // A failed trial, one a second, opens it anew: that is the same outage.
    await sleep(1200);
    expect(exchange.state()).toMatchObject({ circuit: "open", counters: { circuitOpened: 1 } });
  });

  it("opens one pool, not several, for the queries after a disconnect", async () => {
    const { exchange, pools } = await exchangeWith(1);
    await exchange.dispose();
    const queries = [exchange.queryRaw(QUERY), exchange.queryRaw(QUERY)];
    await settle();
    expect(pools).toHaveLength(2);
    for (const statement of pools[1]?.statements ?? []) statement.resolve(NO_ROWS);
    await Promise.all(queries);
  });

  it("says what is missing when it is used without settings", async () => {
    expect(() => new PoolExchange().settings).toThrow("call use() first");
    await expect(new PoolExchange().queryRaw(QUERY)).rejects.toThrow("call use() first");
  });
});
