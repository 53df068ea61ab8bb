import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../../app/config/config.ts";
import { databasePool, prisma } from "../../../app/database/prisma.ts";
import { inTransaction } from "../../../app/database/transaction.ts";
import type { Prisma } from "../../../app/generated/prisma/client.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";

/** The layer as another module of the same process sees it. */
describe.skipIf(!(await engineAvailable()))("the singleton in one process", () => {
  let database: AppDatabase;

  beforeAll(async () => {
    database = await startAppDatabase();
  });
  afterAll(async () => {
    await databasePool.close(5000);
    await database?.stop();
  });

  const use = (environment: Record<string, string>) => {
    const loaded = loadConfig(
      {
        DATABASE_URL: database.urls.database,
        HEALTH_TOKEN: "x".repeat(43),
        API_TOKEN: "y".repeat(43),
        ...environment,
      },
      () => undefined,
    );
    if (!loaded.ok) throw new Error(loaded.problems.join());
    return databasePool.use(loaded.config.database);
  };
  /** A transaction that does `work` and then waits; resolves when that is done. */
  const hold = async (work: (transaction: Prisma.TransactionClient) => Promise<unknown>) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const ended = inTransaction(async (transaction) => {
      await work(transaction);
      begin();
      await released;
      return await transaction.company.count();
    });
    await Promise.race([begun, ended]);
    return { ended, release };
  };
  const nothingRuns = () =>
    eventually(async () => databasePool.state().running === 0, { what: "the end of all work" });

  it("is one object for every importer, before and after a change", async () => {
    const before = (await import("../../../app/database/prisma.ts")).prisma;
    await use({ DATABASE_CONNECTION_LIMIT: "2" });
    await prisma.company.count();
    await use({ DATABASE_CONNECTION_LIMIT: "3" });
    expect((await import("../../../app/database/prisma.ts")).prisma).toBe(before);
    expect(await before.company.count()).toBe(2);
  });

  it.each(["true", "false"])(
    "keeps no trace of a transaction that could not begin in time (enhanced: %s)",
    async (mode) => {
      await use({
        DATABASE_CONNECTION_LIMIT: "1",
        DATABASE_TRANSACTION_MAX_WAIT: "0.3",
        DATABASE_RETRY_BUDGET: "1",
        USE_ENHANCED_POOLING: mode,
      });
      // The connection is made before: it counts in how long a transaction waits for its begin.
      await prisma.company.count();
      const { ended, release } = await hold((transaction) => transaction.company.count());
      await expect(inTransaction((transaction) => transaction.company.count())).rejects.toMatchObject({
        code: "P2028",
      });
      release();
      await ended;
      await nothingRuns();
      // The one connection is free again, so the late transaction did not keep it.
      expect(await prisma.company.count()).toBe(2);
    },
  );

  it.each(["true", "false"])(
    "keeps no trace of a transaction whose connection is killed (enhanced: %s)",
    async (mode) => {
      await use({ DATABASE_CONNECTION_LIMIT: "1", USE_ENHANCED_POOLING: mode });
      const broken = inTransaction(async (transaction) => {
        const [row] = await transaction.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        await database.asSuperuser((client) => client.query("SELECT pg_terminate_backend($1)", [row?.pid]));
        return await transaction.company.count();
      });
      await expect(broken).rejects.toThrow();
      await nothingRuns();
      expect(await prisma.company.count()).toBe(2);
    },
  );

  it("rolls a transaction back at its limit, and takes the limit from the settings in force", async () => {
    await use({ DATABASE_CONNECTION_LIMIT: "2", DATABASE_TRANSACTION_TIMEOUT: "0.3" });
    const late = inTransaction(async (transaction) => {
      await transaction.company.create({ data: { name: "never" } });
      await new Promise((resolve) => setTimeout(resolve, 600));
      await transaction.company.count();
    });
    await expect(late).rejects.toMatchObject({ code: "P2028" });
    await nothingRuns();
    expect(await prisma.company.findUnique({ where: { name: "never" } })).toBeNull();
  });

  it("finishes a transaction on the former pool while new work runs on the new one", async () => {
    await use({ DATABASE_CONNECTION_LIMIT: "1", USE_ENHANCED_POOLING: "true" });
    const { ended, release } = await hold((transaction) =>
      transaction.company.create({ data: { name: "across the change" } }),
    );
    await use({ DATABASE_CONNECTION_LIMIT: "4" });
    expect(await prisma.company.count()).toBe(2);
    // The pools of earlier tests may still be ending.
    await eventually(async () => databasePool.state().drainingPools === 1, { what: "one former pool" });
    expect(databasePool.state()).toMatchObject({ limit: 4 });
    release();
    expect(await ended).toBe(3);
    await eventually(async () => databasePool.state().drainingPools === 0, { what: "the former pool's end" });
    expect(await prisma.company.count()).toBe(3);
  });

  it("works again after $disconnect", async () => {
    await prisma.$disconnect();
    expect(await prisma.company.count()).toBe(3);
  });
});
