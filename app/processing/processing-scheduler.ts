import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { ProcessingSettings } from "../config/config.ts";
import { classifyFailure, isUnavailable } from "../database/database-failure.ts";
import { withCaller } from "../database/work-context.ts";
import { type ClaimedStages, processingStatusManager } from "./processing-status-manager.ts";
import { moveFor, type StageMove, type StageOutcome } from "./stage-outcome.ts";
import { workOn } from "./stage-work.ts";
import { workCounts } from "./work-counts.ts";

/** Where schedulers tell what happened. */
export interface SchedulerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What people who ask for a session read; the log has the database's own words. */
const NOT_STORED = "the result could not be stored";

/** Stages of one claim: enough to make the three round trips cheap, few enough to lose little with a crash. */
const BATCH_STAGES = 25;

/** A process may end in the middle of somebody else's stage, so the first attempt without a word accuses nobody. */
const LEAST_ATTEMPTS = 2;

/**
 * Claims stages and works on them until it is stopped. Any number of schedulers in any number of processes may run on
 * one database: a stage is worked on by the one that holds its claim, and only that one can end it.
 *
 * A stage that kills its process takes an attempt of all stages that the process has claimed. So one that was tried
 * before is claimed alone, and by one loop only: whatever it does the next time, it does to itself, and to stages of
 * other loops that have every attempt left.
 */
export class ProcessingScheduler {
  readonly #settings: ProcessingSettings;
  readonly #log: SchedulerLog;
  #loops: Promise<void>[] = [];
  #stopping = false;
  #isFailing = false;
  #alarm = new AbortController();

  constructor(settings: ProcessingSettings, log: SchedulerLog) {
    this.#settings = settings;
    this.#log = log;
  }

  start(): void {
    this.#loops = Array.from({ length: this.#settings.concurrency }, (_, index) => this.#loop(index === 0));
  }

  /** Looks for work now instead of at the next poll. */
  wake(): void {
    this.#alarm.abort();
    this.#alarm = new AbortController();
  }

  /** Claims nothing more; resolves when the batches under way have ended or were handed back. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await Promise.all(this.#loops);
  }

  async #loop(takesRepeats: boolean): Promise<void> {
    while (!this.#stopping) {
      // Taken before looking: a call that comes while the database answers "nothing" is not lost.
      const alarm = this.#alarm.signal;
      const turn = withCaller("processingScheduler", () => this.#turn(takesRepeats));
      const worked = await turn.catch((error: unknown) => this.#pause(error));
      if (!worked && !this.#stopping) await this.#rest(alarm);
    }
  }

  /** One batch. False when there was none. */
  async #turn(takesRepeats: boolean): Promise<boolean> {
    const { leaseSeconds } = this.#settings;
    const options = { limit: BATCH_STAGES, leaseSeconds, takesRepeats };
    const claimed = await processingStatusManager.claim(randomUUID(), options);
    if (this.#isFailing) this.#log.info({}, "processing goes on");
    this.#isFailing = false;
    workCounts.isPaused = false;
    if (claimed.claims.length === 0) return false;
    await workCounts.batch(() => this.#batch(claimed));
    return true;
  }

  async #batch(claimed: ClaimedStages): Promise<void> {
    const outcomes = this.#stopping
      ? claimed.claims.map((): StageOutcome => ({ event: "handBack" }))
      : await this.#work(claimed);
    await this.#end(claimed, outcomes);
  }

  async #work({ claims }: ClaimedStages): Promise<StageOutcome[]> {
    const tried = Math.max(this.#settings.maxAttempts, LEAST_ATTEMPTS);
    // A claim beyond the last attempt means that every attempt ended without a word: the stage may be what kills us.
    const isDoomed = (attempts: number) => attempts > tried;
    const outcomes = await workOn(claims.filter(({ attempts }) => !isDoomed(attempts)));
    return claims.map(({ attempts }) =>
      isDoomed(attempts)
        ? { event: "fail", error: `given up: ${tried} attempts ended without a result` }
        : (outcomes.shift() ?? { event: "handBack" }),
    );
  }

  /** Writes the outcomes down: all at once, or one by one when one of them is refused or too much for one statement. */
  async #end({ claimId, claims }: ClaimedStages, outcomes: readonly StageOutcome[]): Promise<void> {
    const { maxAttempts } = this.#settings;
    const moves = claims.map((claim, index) =>
      moveFor(claim, outcomes[index] ?? { event: "handBack" }, maxAttempts),
    );
    try {
      const moved = await processingStatusManager.move(claimId, moves);
      workCounts.countMoves(moves, moved);
      if (moved < claims.length) {
        this.#log.warn({ stages: claims.length - moved }, "stages were taken over before their work ended");
      }
    } catch (error) {
      // What took too long would do so again and again: the database is there, and less may be quick enough.
      if (isUnavailable(error) && classifyFailure(error) !== "timeout") throw error;
      for (const [index, claim] of claims.entries()) {
        const move = moves[index];
        if (move === undefined) continue;
        await this.#moveOne(claimId, move).catch(async (refusal: unknown) => {
          this.#log.warn({ err: refusal, session: claim.sessionId, stage: claim.stage }, NOT_STORED);
          const retry: StageOutcome = { event: "retry", error: NOT_STORED };
          await this.#moveOne(claimId, moveFor(claim, retry, maxAttempts));
        });
      }
    }
  }

  async #moveOne(claimId: string, move: StageMove): Promise<void> {
    workCounts.countMoves([move], await processingStatusManager.move(claimId, [move]));
  }

  /** After an error nothing is known of the claim: it stands until its lease ends. Says so once, not at every poll. */
  #pause(error: unknown): false {
    if (!this.#isFailing) this.#log.warn({ err: error }, "processing pauses until the database answers");
    this.#isFailing = true;
    workCounts.isPaused = true;
    return false;
  }

  /** Until the next poll or the alarm. Hangs nothing on the alarm for longer: without work it may never come. */
  async #rest(alarm: AbortSignal): Promise<void> {
    const milliseconds = this.#settings.pollSeconds * 1000 * (0.5 + Math.random());
    await setTimeout(milliseconds, undefined, { signal: alarm }).catch(() => {});
  }
}
