import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProcessingStage } from "../../../app/generated/prisma/enums.ts";
import { STAGES } from "../../../app/processing/stage-machine.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { AppProcess } from "../../support/app-process.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { addSessions, findings, startAudit } from "../../support/processing-audit.ts";

const KILLS_PER_STAGE = 50;
const WORKERS = 4;
/**
 * Never less waiting work than this, so that every worker is in the middle of something when it is killed; and not much
 * more, so that all stages are worked on at the same time and not one after the other.
 */
const BACKLOG = 600;

/** Which stages a dead process has left behind, claimed and not ended. */
const ORPHANS = `SELECT DISTINCT stage::text AS stage FROM app.session_stages
  WHERE status = 'RUNNING' AND available_at > now() AND claimed_by = $1`;
const AT_STAGE = `SELECT claimed_by FROM app.session_stages
  WHERE status = 'RUNNING' AND available_at > now() AND stage = $1::app.processing_stage AND claimed_by = ANY($2)`;

// A second run would hide a race.
describe.skipIf(!(await engineAvailable()))("workers that are killed", { retry: 0 }, () => {
  let database: AppDatabase;
  const workers = new Set<AppProcess>();
  /** Replacements that have not come up yet. */
  const starting = new Set<Promise<unknown>>();

  beforeEach(async () => {
    database = await startAppDatabase({ default_pool_size: "20" });
  });
  afterEach(async () => {
    await Promise.all(starting);
    await Promise.all([...workers].map((worker) => worker.stop()));
    workers.clear();
    await database?.stop();
  });

  const startWorker = async (environment: Record<string, string> = {}) => {
    const worker = await AppProcess.start(
      { settings: { DATABASE_CONNECTION_LIMIT: "5" }, databaseUrl: database.urls.database },
      {
        PROCESSING_CONCURRENCY: "4",
        PROCESSING_LEASE: "1",
        PROCESSING_POLL_INTERVAL: "0.1",
        PROCESSING_MAX_ATTEMPTS: "20",
        ...environment,
      },
    );
    workers.add(worker);
    return worker;
  };
  /** One worker ends in peace: those that are killed leave no compiled code for their replacements. */
  const keepCompiledCode = async () => {
    const worker = await startWorker();
    worker.child.kill("SIGTERM");
    await worker.exited;
    workers.delete(worker);
    await worker.stop();
  };
  /** Stages that are not at their end. */
  const waiting = async (client: pg.Client) => {
    const sql = "SELECT count(*)::integer AS stages FROM app.session_stages WHERE available_at IS NOT NULL";
    return (await client.query<{ stages: number }>(sql)).rows[0]?.stages ?? 0;
  };
  const nameOf = ({ child }: AppProcess) => `${hostname()}:${child.pid}`;

  it(`end every session exactly once, whatever stage they die in (${KILLS_PER_STAGE} times each)`, async () => {
    await startAudit(database);
    await keepCompiledCode();
    await Promise.all(Array.from({ length: WORKERS }, () => startWorker()));
    let kills = 0;
    const killed = new Map<ProcessingStage, number>(STAGES.map((stage) => [stage, 0]));
    const rarest = () => [...killed].reduce((least, entry) => (entry[1] < least[1] ? entry : least));

    const result = await database.asSuperuser(async (client) => {
      while (rarest()[1] < KILLS_PER_STAGE) {
        const victim = await somebodyAt(rarest()[0]);
        victim.child.kill("SIGKILL");
        kills += 1;
        await victim.exited;
        // A statement that was on its way may still end on the server: only what stays claimed was cut off.
        await sleep(20);
        const orphans = await client.query<{ stage: ProcessingStage }>(ORPHANS, [nameOf(victim)]);
        for (const { stage } of orphans.rows) killed.set(stage, (killed.get(stage) ?? 0) + 1);
        workers.delete(victim);
        await victim.stop();
        const replacement: Promise<unknown> = startWorker().finally(() => starting.delete(replacement));
        starting.add(replacement);
        while (starting.size > WORKERS / 2) await Promise.race(starting);
      }
      await eventually(async () => (await waiting(client)) === 0, {
        timeoutMs: 60_000,
        what: "the end of all work",
      });
      return await findings(client);

      /** Keeps everybody busy until one of the workers is seen in the middle of `stage`. */
      async function somebodyAt(stage: ProcessingStage): Promise<AppProcess> {
        for (;;) {
          if ((await waiting(client)) < BACKLOG) await addSessions(client, BACKLOG);
          const { rows } = await client.query<{ claimed_by: string }>(AT_STAGE, [
            stage,
            [...workers].map(nameOf),
          ]);
          const name = rows[0]?.claimed_by;
          const victim = [...workers].find((worker) => nameOf(worker) === name);
          if (victim !== undefined) return victim;
        }
      }
    });

    expect(result.violations).toEqual([]);
    expect(result.processed + result.failed).toBe(result.sessions);
    // With 20 attempts none is unlucky often enough to be given up.
    expect(result.failed).toBe(0);
    console.info(
      `${kills} workers killed, at ${[...killed].map(([stage, times]) => `${stage} ${times}`).join(", ")}; ${result.sessions} sessions`,
    );
  }, 600_000);

  it("by one stage fail that one alone, after its last attempt", async () => {
    await startAudit(database);
    await database.asSuperuser(async (client) => {
      await addSessions(client, 20);
      // More lines than the heap has room for.
      await client.query(`UPDATE app.chat_sessions SET transcript = repeat(E'\\n', 30000000)
        WHERE id = (SELECT id FROM app.chat_sessions ORDER BY id LIMIT 1)`);
      let crashes = 0;
      while ((await waiting(client)) > 0) {
        const worker = await startWorker({
          PROCESSING_MAX_ATTEMPTS: "3",
          NODE_OPTIONS: "--max-old-space-size=96",
        });
        let isDead = false;
        void worker.exited.then(() => {
          isDead = true;
        });
        await eventually(async () => isDead || (await waiting(client)) === 0, { timeoutMs: 60_000 });
        if (isDead) crashes += 1;
      }
      expect(crashes).toBe(3);
      expect(await findings(client)).toEqual({ sessions: 20, processed: 19, failed: 1, violations: [] });
      const { rows } = await client.query<{ error: string | null; attempts: number }>(
        `SELECT error, max(attempts) AS attempts FROM app.session_stages WHERE stage = 'IMPORT'
          GROUP BY error ORDER BY error NULLS FIRST`,
      );
      // The others lost the attempt of the first crash, when there was no reason to suspect anybody.
      expect(rows).toEqual([
        { error: null, attempts: 2 },
        { error: "given up: 3 attempts ended without a result", attempts: 4 },
      ]);
    });
  }, 180_000);
});
