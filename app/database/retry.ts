import { ExponentialBackoff } from "cockatiel";
import { classifyFailure, FAILURES, type FailureKind } from "./database-failure.ts";
import type { RetryClock } from "./retry-clock.ts";
import { currentWork } from "./work-context.ts";

/** What would be done again. A write is also every statement that is not surely a read. */
export type Repeatable =
  | "read"
  | "write"
  /** The begin of a transaction: nothing of it has been done yet. */
  | "begin"
  /** Such a begin that nobody waits for any more. */
  | "abandoned"
  /** A whole transaction with the code that makes it. */
  | "transaction";

/** First and longest pause between two attempts; each is drawn at random, so that callers do not come back together. */
const BACKOFF = new ExponentialBackoff({ initialDelay: 50, maxDelay: 1000 });

/**
 * The one rule of repeating: what cannot happen twice by it. A write whose outcome is unknown is repeated only where
 * the caller has declared it harmless (`idempotent` in work-context.ts).
 */
export function mayRepeat(kind: FailureKind, what: Repeatable, isIdempotent: boolean): boolean {
  const rule = FAILURES[kind].retry;
  if (rule === "never" || what === "abandoned") return false;
  // Its begin has been repeated already, where that was safe; a single statement is a transaction of its own.
  if (what === "transaction" && rule === "any") return kind === "transaction_start";
  if (rule === "reads") return what === "read" || what === "begin" || isIdempotent;
  return true;
}

/** What the layer counts about repeating, since the process started. */
export class RetryCounts {
  /** Attempts after the first, by what the attempt before had failed with. */
  readonly attempts: Partial<Record<FailureKind, number>> = {};
  /** Work that was given up although it was safe to repeat, because its budget was used up. */
  gaveUp = 0;
}

/** Everything that a repetition needs to know. */
export interface Repetition<Result> {
  readonly attempt: () => Promise<Result>;
  /** Asked after each failure. */
  readonly what: () => Repeatable;
  /** When, in milliseconds of performance.now(), the first attempt began. */
  readonly startedAt: number;
  readonly budgetMs: number;
  readonly clock: RetryClock;
  readonly counts: RetryCounts;
  /** Waits so many milliseconds; false when there shall be no next attempt, because the layer is being closed. */
  readonly pause: (durationMs: number) => Promise<boolean>;
}

/**
 * Called after a first attempt has failed with `error`: repeats it with growing, random pauses until it succeeds, fails
 * in a way that must not be repeated, or the next attempt would begin after the budget. Rejects with the last attempt's
 * error.
 */
export async function repeatAfter<Result>(error: unknown, repetition: Repetition<Result>): Promise<Result> {
  const { attempt, what, startedAt, budgetMs, clock, counts, pause } = repetition;
  const mayRepeatAfter = (kind: FailureKind) => mayRepeat(kind, what(), currentWork()?.isIdempotent ?? false);
  if (!mayRepeatAfter(classifyFailure(error))) throw error;
  const stopClock = clock.start(startedAt);
  try {
    let failure = error;
    for (let backoff = BACKOFF.next(); ; backoff = backoff.next(undefined)) {
      const kind = classifyFailure(failure);
      if (!mayRepeatAfter(kind)) throw failure;
      if (clock.elapsedMs() + backoff.duration >= budgetMs) {
        counts.gaveUp += 1;
        throw failure;
      }
      if (!(await pause(backoff.duration))) throw failure;
      counts.attempts[kind] = (counts.attempts[kind] ?? 0) + 1;
      try {
        return await attempt();
      } catch (next) {
        failure = next;
      }
    }
  } finally {
    stopClock();
  }
}
