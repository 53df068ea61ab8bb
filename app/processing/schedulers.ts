import type { ProcessingSettings } from "../config/config.ts";
import { importProcessor } from "./import-processor.ts";
import { ProcessingScheduler, type SchedulerLog } from "./processing-scheduler.ts";
import { workCounts } from "./work-counts.ts";

interface Running {
  readonly processing: ProcessingScheduler;
  readonly cleaning: NodeJS.Timeout;
}

let running: Running | null = null;

/** All background work of this process. */
export const schedulers = {
  /** Starts processing, and the look for imports whose process is gone. */
  start(settings: ProcessingSettings, log: SchedulerLog): void {
    if (running !== null) throw new Error("the schedulers run already");
    const clean = () =>
      void importProcessor.failAbandoned().then(
        (imports) => {
          workCounts.importsAbandoned += imports;
          if (imports > 0) log.warn({ imports }, "imports of a process that is gone are marked as failed");
        },
        () => {}, // the database is away; processing says so
      );
    const processing = new ProcessingScheduler(settings, log);
    running = { processing, cleaning: setInterval(clean, (settings.leaseSeconds * 1000) / 2) };
    clean();
    processing.start();
  },

  /** There is new work: look for it now. Does nothing where no scheduler runs. */
  wake(): void {
    running?.processing.wake();
  },

  /**
   * Ends imports as interrupted, lets batches end or hands them back, and starts nothing more. True when that was done
   * within `deadlineMs`; what was not is taken over by another process when its lease ends.
   */
  async stop(deadlineMs: number): Promise<boolean> {
    importProcessor.stop();
    if (running === null) return true;
    const { processing, cleaning } = running;
    running = null;
    clearInterval(cleaning);
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), deadlineMs);
    const ended = processing.stop().then(() => true);
    return await Promise.race([ended, late]).finally(() => clearTimeout(timer));
  },
};
