import type { ProcessingStage, SessionStatus, StageStatus } from "../generated/prisma/enums.ts";

/** The stages in the order in which every session goes through them. */
export const STAGES = [
  "IMPORT",
  "TRANSCRIPT",
  "ANALYSIS",
  "SUMMARY",
] as const satisfies readonly ProcessingStage[];

/** What can happen to a stage. */
export type StageEvent = "claim" | "complete" | "fail" | "retry" | "handBack";

/** Which event leads where; what is not listed cannot happen. End states have no way out. */
export const TRANSITIONS: Readonly<Record<StageStatus, Readonly<Partial<Record<StageEvent, StageStatus>>>>> =
  {
    PENDING: { claim: "RUNNING" },
    // Claimed while it runs: its lease ran out and somebody else takes it over.
    RUNNING: {
      claim: "RUNNING",
      complete: "COMPLETED",
      fail: "FAILED",
      retry: "PENDING",
      handBack: "PENDING",
    },
    COMPLETED: {},
    FAILED: {},
    SKIPPED: {},
  };

/** Where `event` leads from `from`. Throws when it cannot happen there: that is a mistake in the code. */
export function transition(from: StageStatus, event: StageEvent): StageStatus {
  const to = TRANSITIONS[from][event];
  if (to === undefined) throw new Error(`a stage that is ${from} knows no ${event}`);
  return to;
}

/** The stage behind `stage`; null behind the last one. */
export function nextStage(stage: ProcessingStage): ProcessingStage | null {
  return STAGES[STAGES.indexOf(stage) + 1] ?? null;
}

/** What a session becomes when `stage` has reached `status`; null when that changes nothing. */
export function sessionStatusAfter(stage: ProcessingStage, status: StageStatus): SessionStatus | null {
  if (status === "FAILED") return "FAILED";
  if (status === "COMPLETED" || status === "SKIPPED")
    return nextStage(stage) === null ? "PROCESSED" : "PROCESSING";
  return null;
}

/** Milliseconds before the next attempt after `attempts` of them: 1 s, doubled each time, at most a minute. */
export function retryDelayMs(attempts: number): number {
  return Math.min(1000 * 2 ** Math.max(attempts - 1, 0), 60_000);
}
