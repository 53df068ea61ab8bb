import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ProcessingSettings } from "../../../app/config/config.ts";
import { databasePool, prisma } from "../../../app/database/prisma.ts";
import { ProcessingScheduler } from "../../../app/processing/processing-scheduler.ts";
import { processingStatusManager } from "../../../app/processing/processing-status-manager.ts";
import { moveFor, type StageOutcome } from "../../../app/processing/stage-outcome.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { useDatabase } from "../../support/app-layer.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { addSessions, findings, startAudit } from "../../support/processing-audit.ts";

const SETTINGS: ProcessingSettings = { concurrency: 2, pollSeconds: 0.2, leaseSeconds: 30, maxAttempts: 3 };
const MANY = 100;

describe.skipIf(!(await engineAvailable()))("processing", () => {
  let database: AppDatabase;
  const logged: string[] = [];
  const log = {
    info: (_fields: object, message: string) => logged.push(message),
    warn: (_fields: object, message: string) => logged.push(message),
  };

  beforeAll(async () => {
    database = await startAppDatabase({ default_pool_size: "10" });
    await useDatabase(database);
    await startAudit(database);
  });
  beforeEach(async () => {
    logged.length = 0;
    await database.asSuperuser((client) =>
      client.query("DELETE FROM app.chat_sessions; DELETE FROM app.audit"),
    );
  });
  afterAll(async () => {
    await databasePool.close(5000);
    await database?.stop();
  });

  const add = (sessions: number) => database.asSuperuser((client) => addSessions(client, sessions));
  const claim = (limit: number, takesRepeats = true) =>
    processingStatusManager.claim(randomUUID(), { limit, leaseSeconds: 30, takesRepeats });
  const expireLeases = () =>
    prisma.$executeRaw`UPDATE session_stages SET available_at = now() WHERE status = 'RUNNING'`;
  const allEnded = () =>
    eventually(
      async () => (await prisma.sessionStage.count({ where: { availableAt: { not: null } } })) === 0,
      {
        timeoutMs: 50_000,
        what: "the end of all work",
      },
    );
  /** Runs schedulers until all work has ended. */
  const process = async (schedulers: number, settings: Partial<ProcessingSettings> = {}) => {
    const running = Array.from(
      { length: schedulers },
      () => new ProcessingScheduler({ ...SETTINGS, ...settings }, log),
    );
    for (const scheduler of running) scheduler.start();
    try {
      await allEnded();
    } finally {
      await Promise.all(running.map((scheduler) => scheduler.stop()));
    }
  };
  const done: StageOutcome = { event: "complete", result: {}, messages: [] };
  const complete = async ({ claimId, claims }: Awaited<ReturnType<typeof claim>>) =>
    processingStatusManager.move(
      claimId,
      claims.map((one) => moveFor(one, done, SETTINGS.maxAttempts)),
    );

  it("works on each of thousands of stages once, however many schedulers race for them", async () => {
    await add(2000);
    await process(4);
    const result = await database.asSuperuser(findings);
    expect(result).toEqual({ sessions: 2000, processed: 2000, failed: 0, violations: [] });
    // Nobody crashed, so nobody took anything over: one claim for each stage of each session.
    const claims = await database.asSuperuser((client) =>
      client.query("SELECT count(*)::integer AS claims FROM app.audit WHERE after = 'RUNNING'"),
    );
    expect(claims.rows).toEqual([{ claims: 8000 }]);
    expect(logged).toEqual([]);
  });

  it("never gives one stage to two claims that are made at the same time", async () => {
    await add(MANY);
    const claimed = await Promise.all(Array.from({ length: 8 }, () => claim(30)));
    const ids = claimed.flatMap(({ claims }) => claims.map(({ sessionId }) => sessionId));
    expect(ids).toHaveLength(MANY);
    expect(new Set(ids).size).toBe(MANY);
    expect((await claim(1)).claims).toEqual([]);
  });

  it("takes a stage over when its lease has ended, and lets only the new owner end it", async () => {
    await add(1);
    const slow = await claim(1);
    expect((await claim(1)).claims).toEqual([]);
    await expireLeases();
    const quick = await claim(1);
    expect(quick.claims).toMatchObject([{ stage: "IMPORT", attempts: 2 }]);
    expect(await complete(slow)).toBe(0);
    expect(await prisma.sessionStage.findMany({ select: { stage: true, status: true } })).toEqual([
      { stage: "IMPORT", status: "RUNNING" },
    ]);
    expect(await complete(quick)).toBe(1);
    expect(await complete(quick)).toBe(0);
    expect(await complete(slow)).toBe(0);
    await process(1);
    expect((await database.asSuperuser(findings)).processed).toBe(1);
  });

  it("claims a stage that was tried before alone, in its turn, and only where asked to", async () => {
    const attemptsOf = ({ claims }: Awaited<ReturnType<typeof claim>>) =>
      claims.map(({ attempts }) => attempts);
    await add(4);
    expect(attemptsOf(await claim(2))).toEqual([1, 1]);
    await expireLeases();
    await add(2);
    // Two wait since before the two that were tried, and two since after that.
    expect(attemptsOf(await claim(3))).toEqual([1, 1]);
    expect(attemptsOf(await claim(3))).toEqual([2]);
    expect(attemptsOf(await claim(3, false))).toEqual([1, 1]);
    expect(attemptsOf(await claim(3, false))).toEqual([]);
    expect(attemptsOf(await claim(3))).toEqual([2]);
  });

  it("does not give up a stage at the first attempt without a word, which may be another's doing", async () => {
    await add(2);
    expect((await claim(2)).claims).toHaveLength(2);
    await expireLeases();
    await process(1, { maxAttempts: 1 });
    const result = await database.asSuperuser(findings);
    expect(result).toEqual({ sessions: 2, processed: 2, failed: 0, violations: [] });
  });

  it("lets an owner whose lease has ended finish as long as nobody has taken the stage over", async () => {
    await add(1);
    const late = await claim(1);
    await expireLeases();
    expect(await complete(late)).toBe(1);
  });

  it("hands stages back as if they had never been claimed", async () => {
    await add(MANY);
    const { claimId, claims } = await claim(MANY);
    const moves = claims.map((one) => moveFor(one, { event: "handBack" }, SETTINGS.maxAttempts));
    expect(await processingStatusManager.move(claimId, moves)).toBe(MANY);
    const again = await claim(MANY);
    expect(again.claims.map(({ attempts }) => attempts)).toEqual(Array(MANY).fill(1));
  });

  it("leaves nothing claimed when it is stopped in the middle of its work", async () => {
    await add(1000);
    const running = () => prisma.sessionStage.count({ where: { status: "RUNNING" } });
    const left = () => prisma.sessionStage.count({ where: { availableAt: { not: null } } });
    let rounds = 0;
    // A fast machine has done all work before the last round.
    for (; rounds < 10 && (await left()) > 0; rounds++) {
      const scheduler = new ProcessingScheduler({ ...SETTINGS, concurrency: 4 }, log);
      scheduler.start();
      try {
        await eventually(async () => (await running()) > 0 || (await left()) === 0, { what: "work" });
      } finally {
        await scheduler.stop();
      }
      expect(await running()).toBe(0);
    }
    expect(rounds).toBeGreaterThan(2);
    await process(2);
    const result = await database.asSuperuser(findings);
    expect(result).toEqual({ sessions: 1000, processed: 1000, failed: 0, violations: [] });
    expect(await prisma.sessionStage.count({ where: { attempts: { not: 1 } } })).toBe(0);
  });

  it("gives up a stage that took every attempt with it", async () => {
    await add(1);
    for (let crash = 0; crash < SETTINGS.maxAttempts; crash++) {
      expect((await claim(1)).claims).toHaveLength(1);
      await expireLeases();
    }
    await process(1);
    expect(await prisma.chatSession.findFirst({ select: { status: true, stages: true } })).toMatchObject({
      status: "FAILED",
      stages: [{ stage: "IMPORT", status: "FAILED", error: "given up: 3 attempts ended without a result" }],
    });
    expect((await database.asSuperuser(findings)).violations).toEqual([]);
  });

  it("fails a session whose text cannot be read, and processes its neighbours", async () => {
    await add(10);
    await database.asSuperuser((client) =>
      client.query(
        "UPDATE app.chat_sessions SET transcript = 'no time, no role' WHERE id = (SELECT id FROM app.chat_sessions ORDER BY id LIMIT 1)",
      ),
    );
    await process(1);
    const result = await database.asSuperuser(findings);
    expect(result).toEqual({ sessions: 10, processed: 9, failed: 1, violations: [] });
    expect(await prisma.sessionStage.findFirst({ where: { status: "FAILED" } })).toMatchObject({
      error: "line 1 of the transcript does not begin with [time] role:",
      attempts: 1,
    });
  });

  it("stores the neighbours of a result that the database refuses, and tries that one again before it fails", async () => {
    await add(5);
    // A message that is there already: the stage's own cannot be added.
    await database.asSuperuser((client) =>
      client.query(`INSERT INTO app.messages (id, session_id, position, role, content, sent_at)
        SELECT uuidv7(), id, 0, 'USER', 'in the way', now() FROM app.chat_sessions ORDER BY id LIMIT 1`),
    );
    await process(1, { maxAttempts: 2 });
    const ended = await prisma.chatSession.groupBy({
      by: ["status"],
      _count: true,
      orderBy: { status: "asc" },
    });
    expect(ended).toEqual([
      { status: "PROCESSED", _count: 4 },
      { status: "FAILED", _count: 1 },
    ]);
    const failed = await prisma.sessionStage.findFirst({ where: { status: "FAILED" } });
    expect(failed).toMatchObject({ stage: "IMPORT", attempts: 2, error: "the result could not be stored" });
    expect(logged).toEqual(Array(2).fill("the result could not be stored"));
  });

  it("stores the neighbours of a result for which the database takes too long", async () => {
    await add(5);
    await database.asSuperuser(async (client) => {
      // What statement_timeout does to a statement that holds this text, without the wait.
      await client.query(`CREATE FUNCTION app.too_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014'; END $$;
        CREATE TRIGGER too_slow BEFORE INSERT ON app.messages FOR EACH ROW
          WHEN (NEW.content = 'slow') EXECUTE FUNCTION app.too_slow();
        UPDATE app.chat_sessions SET transcript = '[2026-11-01T09:00:00Z] User: slow'
         WHERE id = (SELECT id FROM app.chat_sessions ORDER BY id LIMIT 1)`);
      try {
        await process(1, { maxAttempts: 2, leaseSeconds: 1 });
      } finally {
        await client.query("DROP TRIGGER too_slow ON app.messages; DROP FUNCTION app.too_slow()");
      }
      expect(await findings(client)).toEqual({ sessions: 5, processed: 4, failed: 1, violations: [] });
    });
    expect(await prisma.sessionStage.findFirst({ where: { status: "FAILED" } })).toMatchObject({
      attempts: 2,
      error: "the result could not be stored",
    });
  });

  it("keeps what cannot be: a stage that has ended and is due, or one that runs without a claim", async () => {
    await add(1);
    await expect(prisma.$executeRaw`UPDATE session_stages SET status = 'COMPLETED'`).rejects.toThrow(
      /available_check/,
    );
    await expect(prisma.$executeRaw`UPDATE session_stages SET status = 'RUNNING'`).rejects.toThrow(
      /claim_check/,
    );
  });

  it("looks for work at once when it is woken", async () => {
    const sleepy = new ProcessingScheduler({ ...SETTINGS, pollSeconds: 3600 }, log);
    sleepy.start();
    try {
      await eventually(async () => databasePool.state().running === 0);
      await add(1);
      sleepy.wake();
      await allEnded();
    } finally {
      await sleepy.stop();
    }
  });

  it("pauses while the database is away and goes on by itself", async () => {
    const scheduler = new ProcessingScheduler(SETTINGS, log);
    scheduler.start();
    try {
      await database.pgbouncer.console("DISABLE poolkit");
      await database.pgbouncer.console("KILL poolkit");
      await eventually(async () => logged.length > 0, { what: "the pause" });
      await database.pgbouncer.console("RESUME poolkit");
      await database.pgbouncer.console("ENABLE poolkit");
      await add(1);
      await allEnded();
      // Once each, however many polls failed in between.
      expect(logged).toEqual(["processing pauses until the database answers", "processing goes on"]);
    } finally {
      await database.pgbouncer.console("ENABLE poolkit");
      await database.pgbouncer.console("RESUME poolkit").catch(() => {}); // it was resumed
      await scheduler.stop();
    }
  });
});
