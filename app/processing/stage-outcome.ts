import type { ProcessingStage, SessionStatus, StageStatus } from "../generated/prisma/enums.ts";
import { nextStage, retryDelayMs, sessionStatusAfter, transition } from "./stage-machine.ts";
import type { TranscriptMessage } from "./stages/transcript-text.ts";

/** A stage of a session that this process may work on until the lease ends. */
export interface Claim {
  readonly sessionId: string;
  readonly stage: ProcessingStage;
  /** How often it was claimed, this time included. */
  readonly attempts: number;
}

/** How the work on a claim ended. */
export type StageOutcome =
  | {
      readonly event: "complete";
      readonly result: object;
      /** Messages that come into being with it. @default none */
      readonly messages?: readonly TranscriptMessage[];
    }
  /** Trying again would not help. */
  | { readonly event: "fail"; readonly error: string }
  /** Trying again may help. */
  | { readonly event: "retry"; readonly error: string }
  /** Nothing was done; somebody else may do it at once. */
  | { readonly event: "handBack" };

/** Everything that changes in the database because of one outcome. */
export interface StageMove {
  readonly session_id: string;
  readonly stage: ProcessingStage;
  readonly status: StageStatus;
  readonly result: object | null;
  readonly error: string | null;
  /** When a stage that waits again may be claimed; null for one that has ended. */
  readonly delay_seconds: number | null;
  /** Attempts that do not count after all. */
  readonly attempts_returned: number;
  /** The stage that may begin now. */
  readonly next_stage: ProcessingStage | null;
  /** What becomes of the session; null where it stays what it is. */
  readonly session_status: SessionStatus | null;
  readonly messages: readonly TranscriptMessage[];
}

/** What `outcome` of `claim` changes. A retry of the last of `maxAttempts` attempts is a failure. */
export function moveFor(claim: Claim, outcome: StageOutcome, maxAttempts: number): StageMove {
  const { sessionId, stage, attempts } = claim;
  const event = outcome.event === "retry" && attempts >= maxAttempts ? "fail" : outcome.event;
  const status = transition("RUNNING", event);
  return {
    session_id: sessionId,
    stage,
    status,
    result: outcome.event === "complete" ? outcome.result : null,
    error: "error" in outcome ? outcome.error : null,
    delay_seconds: delaySeconds(event, attempts),
    attempts_returned: event === "handBack" ? 1 : 0,
    next_stage: event === "complete" ? nextStage(stage) : null,
    session_status: sessionStatusAfter(stage, status),
    messages: outcome.event === "complete" ? (outcome.messages ?? []) : [],
  };
}

function delaySeconds(event: StageOutcome["event"], attempts: number): number | null {
  if (event === "retry") return retryDelayMs(attempts) / 1000;
  return event === "handBack" ? 0 : null;
}
