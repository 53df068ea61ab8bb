import { Histogram } from "../database/histogram.ts";
import type { ProcessingStage } from "../generated/prisma/enums.ts";
import type { ImportReport } from "./import-store.ts";
import { STAGES } from "./stage-machine.ts";
import type { StageMove } from "./stage-outcome.ts";

type StageEnd = "completed" | "failed" | "retried" | "handed_back";
type ImportEnd = "completed" | "refused" | "interrupted" | "error";

const BATCH_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const perStage = (): Record<StageEnd, number> => ({ completed: 0, failed: 0, retried: 0, handed_back: 0 });

/** What the background work of this process has done since it started. */
export class WorkCounts {
  /** Work on stages by how it ended. */
  readonly stages = Object.fromEntries(STAGES.map((stage) => [stage, perStage()])) as Record<
    ProcessingStage,
    Record<StageEnd, number>
  >;
  /** Stages whose work was for nothing; they are in `stages` too. */
  stagesTakenOver = 0;
  batchesRunning = 0;
  /** From the claim to the written result; looks that found nothing are not in it. */
  readonly batchSeconds = new Histogram(BATCH_BOUNDS);
  /** The database did not answer the last look for work. */
  isPaused = false;
  /** Ended imports; `error` = the database could not be used. */
  readonly imports: Record<ImportEnd, number> = {
    completed: 0,
    refused: 0,
    interrupted: 0,
    error: 0,
  };
  /** Imports of other processes that this one found dead. */
  importsAbandoned = 0;
  /** Rows of ended imports. */
  readonly importRows: Record<keyof ImportReport["rows"], number> = {
    accepted: 0,
    duplicate: 0,
    rejected: 0,
  };

  /** Counts the ends of stages, of which `moved` were still ours to write down. */
  countMoves(moves: readonly StageMove[], moved: number): void {
    for (const { stage, status, attempts_returned: returned } of moves) {
      this.stages[stage][stageEnd(status, returned)] += 1;
    }
    this.stagesTakenOver += moves.length - moved;
  }

  /** Measures a batch from its claim to its end, however it ends. */
  async batch(work: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    this.batchesRunning += 1;
    try {
      await work();
    } finally {
      this.batchesRunning -= 1;
      this.batchSeconds.observe((performance.now() - startedAt) / 1000);
    }
  }

  countImport(end: ImportEnd, { rows }: Pick<ImportReport, "rows">): void {
    this.imports[end] += 1;
    this.importRows.accepted += rows.accepted;
    this.importRows.duplicate += rows.duplicate;
    this.importRows.rejected += rows.rejected;
  }
}

function stageEnd(status: StageMove["status"], attemptsReturned: number): StageEnd {
  if (status === "COMPLETED") return "completed";
  if (status === "FAILED") return "failed";
  return attemptsReturned > 0 ? "handed_back" : "retried";
}

/** The counts of this process. */
export const workCounts = new WorkCounts();
