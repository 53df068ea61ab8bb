import { setTimeout as sleep } from "node:timers/promises";
import closeWithGrace from "close-with-grace";
import type { FastifyInstance } from "fastify";

/** Between "not ready" and the closed listener: the time in which callers look at readiness and stay away. */
const READINESS_LEAD_MS = 1000;
/** What is kept of the grace for the process's own end. */
const EXIT_RESERVE_MS = 500;

/** What a stop has to end, in this order. */
export interface Stoppable {
  readonly server: FastifyInstance;
  /** Turns readiness to 503 and keep-alive off; from then on nobody should come back. */
  readonly markStopping: () => void;
  /** Waits for the pool's work, at most so many milliseconds, and closes it. True when nothing was left. */
  readonly closePool: (deadlineMs: number) => Promise<boolean>;
  /** The whole time from the signal to the end, in seconds, as configured when the signal comes. */
  readonly graceSeconds: () => number;
}

/** Ends everything in order within `graceSeconds`. Returns false when work had to be cut off. */
export async function stopInOrder({
  server,
  markStopping,
  closePool,
  graceSeconds,
}: Stoppable): Promise<boolean> {
  const graceMs = Math.max(graceSeconds() * 1000 - EXIT_RESERVE_MS, 0);
  const deadline = performance.now() + graceMs;
  const remaining = () => Math.max(deadline - performance.now(), 0);
  markStopping();
  await sleep(Math.min(READINESS_LEAD_MS, graceMs / 4));
  const closed = await inTime(server.close(), remaining());
  const drained = await closePool(remaining());
  return closed && drained;
}

async function inTime(work: PromiseLike<unknown>, limitMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), limitMs);
  return await Promise.race([Promise.resolve(work).then(() => true), late]).finally(() =>
    clearTimeout(timer),
  );
}

/**
 * Installs the signal handlers: SIGTERM and SIGINT stop in order and exit 0 (1 when work was cut off), a second signal
 * ends at once with 1, and so does an error that nobody caught. SIGHUP is not ours: it reloads the configuration.
 */
export function installStop(stoppable: Stoppable): void {
  const { log } = stoppable.server;
  closeWithGrace({ delay: false, skip: ["SIGHUP"], logger: log }, async ({ signal, err }) => {
    if (err !== undefined) log.error({ err }, "stopping after an error that nobody caught");
    else log.info({ signal }, "stopping");
    const complete = await stopInOrder(stoppable);
    if (!complete) {
      log.error("work was cut off at the end of STOP_GRACE");
      process.exit(1);
    }
    log.info("stopped");
  });
}
