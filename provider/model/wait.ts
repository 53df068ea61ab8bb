import { setTimeout as sleep } from "node:timers/promises";

/** The last answer of `poll` and whether it was the one waited for. */
export interface Waited<T> {
  readonly done: boolean;
  readonly last: T;
}

/**
 * Polls until `isDone` or the time is over; asks at least once. Rejects only when `poll` does or when the signal is
 * aborted.
 */
export async function waitFor<T>(
  poll: () => Promise<T>,
  isDone: (answer: T) => boolean,
  options: { timeoutMs: number; everyMs: number; signal: AbortSignal },
): Promise<Waited<T>> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal.throwIfAborted();
    const last = await poll();
    if (isDone(last)) return { done: true, last };
    if (performance.now() + options.everyMs > deadline) return { done: false, last };
    await sleep(options.everyMs, undefined, { signal: options.signal });
  }
}
