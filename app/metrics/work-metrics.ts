import type { WorkCounts } from "../processing/work-counts.ts";
import { type Family, family, histograms, single } from "./family.ts";

/** What the background work of this process has done. */
export function workMetrics(work: WorkCounts, importsRunning: number): Family[] {
  return [
    family(
      "poolkit_processing_stages_total",
      Object.entries(work.stages).flatMap(([stage, ends]) =>
        Object.entries(ends).map(([outcome, value]) => ({ labels: { stage, outcome }, value })),
      ),
    ),
    single("poolkit_processing_stages_taken_over_total", work.stagesTakenOver),
    single("poolkit_processing_batches_running", work.batchesRunning),
    histograms("poolkit_processing_batch_duration_seconds", [
      { labels: {}, snapshot: work.batchSeconds.snapshot() },
    ]),
    single("poolkit_processing_paused", work.isPaused ? 1 : 0),
    family(
      "poolkit_imports_total",
      Object.entries(work.imports).map(([outcome, value]) => ({ labels: { outcome }, value })),
    ),
    single("poolkit_imports_running", importsRunning),
    single("poolkit_imports_abandoned_total", work.importsAbandoned),
    family(
      "poolkit_import_rows_total",
      Object.entries(work.importRows).map(([result, value]) => ({ labels: { result }, value })),
    ),
  ];
}
