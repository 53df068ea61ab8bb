import { setTimeout as sleep } from "node:timers/promises";
import closeWithGrace from "close-with-grace";
import type { FastifyInstance } from "fastify";
import type { RequestsUnderWay } from "../requests/requests-under-way.ts";

/** Between "not ready" and the closed listener: the time in which callers look at readiness and stay away. */
const READINESS_LEAD_MS = 1000;
/**
 * So often, once the listener is closed, connections without a request are cut. Browsers and balancers connect before they
 * have one, and keep what an answer of before the stop left open: Node waits for both, and ends neither by its own limits.
 */
const SILENCE_MS = 250;
/** What is kept of the grace for answering work that has to be cut off, and for the process's own end. */
const ANSWER_RESERVE_MS = 500;
const EXIT_RESERVE_MS = 500;

/** What a stop has to end, in this order. */
export interface Stoppable {
  readonly server: FastifyInstance;
  /** Turns readiness to 503 and keep-alive off; from then on nobody should come back. */
  readonly markStopping: () => void;
  /**
   * Lets background work end or hand back its job, within so many milliseconds; the pool still works. True when nothing
   * was left. @default there is none
   */
  readonly stopJobs?: (deadlineMs: number) => Promise<boolean>;
  /**
   * Waits for the pool's work, at most so many milliseconds, answers what is left with an error and closes it. True
   * when nothing was left.
   */
  readonly closePool: (deadlineMs: number) => Promise<boolean>;
  /** The whole time from the signal to the end, in seconds, as configured when the signal comes. */
  readonly graceSeconds: () => number;
}

/**
 * Ends everything in order within `graceSeconds`: not ready, listener closed, jobs and requests ended, pool drained.
 * Work that is left near the end is answered with an error, and what cannot even be answered is cut off and logged.
 * Returns false in both cases.
 */
export async function stopInOrder(
  { server, markStopping, stopJobs, closePool, graceSeconds }: Stoppable,
  underWay: RequestsUnderWay,
): Promise<boolean> {
  const graceMs = Math.max(graceSeconds() * 1000 - EXIT_RESERVE_MS, 0);
  const deadline = performance.now() + graceMs;
  const left = (reserveMs = 0) => Math.max(deadline - reserveMs - performance.now(), 0);
  const answerReserveMs = Math.min(ANSWER_RESERVE_MS, graceMs / 4);

  markStopping();
  await sleep(Math.min(READINESS_LEAD_MS, graceMs / 4));
  const requests = server.close();
  const silence = setInterval(() => underWay.cutSilentConnections(), Math.min(SILENCE_MS, graceMs / 8));
  const jobs = stopJobs?.(left(answerReserveMs)) ?? Promise.resolve(true);
  const [requestsEnded = false, jobsEnded = false] = await inTime(
    [requests.then(() => true), jobs],
    left(answerReserveMs),
  ).finally(() => clearInterval(silence));
  // Requests that are left wait for the database in all likelihood: closing the pool answers them.
  const drained = await closePool(requestsEnded && jobsEnded ? left() : 0);
  const [answered = false] = requestsEnded ? [true] : await inTime([requests.then(() => true)], left());
  if (!answered) {
    for (const request of underWay.list())
      server.log.error(request, "request cut off at the end of the stop");
    server.server.closeAllConnections();
  }
  return requestsEnded && jobsEnded && drained;
}

/** What each of `works` gives, false for one that takes longer than `limitMs`. */
async function inTime(works: readonly PromiseLike<boolean>[], limitMs: number): Promise<boolean[]> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), limitMs);
  return await Promise.all(works.map((work) => Promise.race([work, late]))).finally(() =>
    clearTimeout(timer),
  );
}

/**
 * Installs the signal handlers: SIGTERM and SIGINT stop in order and exit 0 (1 when work was cut off), a second signal
 * ends at once with 1, and so does an error that nobody caught. SIGHUP is not ours: it reloads the configuration.
 */
export function installStop(stoppable: Stoppable, underWay: RequestsUnderWay): void {
  const { log } = stoppable.server;
  closeWithGrace({ delay: false, skip: ["SIGHUP"], logger: log }, async ({ signal, err }) => {
    if (err !== undefined) log.error({ err }, "stopping after an error that nobody caught");
    else log.info({ signal }, "stopping");
    const complete = await stopInOrder(stoppable, underWay);
    if (!complete) {
      log.error("work was cut off at the end of STOP_GRACE");
      process.exit(1);
    }
    log.info("stopped");
  });
}
