import type { Circuit } from "./circuit.ts";
import { classifyFailure } from "./database-failure.ts";
import type { OpenPool } from "./database-pool.ts";

/** What work is told that has not ended when the pool must be closed; database-failure.ts knows it. */
export const CUT_OFF_MESSAGE = "the database pool was closed before this work had ended";

/**
 * One open pool together with the work that runs on it: statements and open transactions. Knowing the work is what
 * lets the pool be closed without cutting anybody off, in both modes.
 */
export class PoolLease {
  readonly pool: OpenPool;
  /** Guards the way to the database that this pool uses. */
  readonly circuit: Circuit;
  #running = 0;
  #fullSince: number | null = null;
  #lastAcquireTimeout: number | null = null;
  #onIdle: (() => void) | null = null;
  /** Rejects the calls that wait for an answer of the database, each its own. */
  readonly #unanswered = new Set<(reason: Error) => void>();

  constructor(pool: OpenPool, circuit: Circuit) {
    this.pool = pool;
    this.circuit = circuit;
  }

  /** Statements and transactions under way, those that wait for a connection included. */
  get running(): number {
    return this.#running;
  }

  /** Since when, in milliseconds of performance.now(), more work has been under way than the pool has connections. */
  get fullSince(): number | null {
    return this.#fullSince;
  }

  /** When, in milliseconds of performance.now(), work last gave up waiting for a connection. */
  get lastAcquireTimeout(): number | null {
    return this.#lastAcquireTimeout;
  }

  /** Marks the begin of a piece of work; call the returned function exactly when it has ended. */
  enter(): () => void {
    this.#count(1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#count(-1);
    };
  }

  /** What `call` gives, or the error of `cutOff` when that comes first. */
  answer<Result>(call: Promise<Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#unanswered.add(reject);
    const forget = () => this.#unanswered.delete(reject);
    call.then(resolve, reject).finally(forget);
    return promise;
  }

  /**
   * Answers everybody who still waits with an error. For the end of a stop: node-postgres never answers those who
   * queue for a connection of a pool that ends (brianc/node-postgres #1980). Returns how many there were.
   */
  cutOff(): number {
    const count = this.#unanswered.size;
    for (const reject of this.#unanswered) reject(new Error(CUT_OFF_MESSAGE));
    return count;
  }

  /** Remembers a failure that says the pool was exhausted. True for such a one. */
  noteFailure(error: unknown): boolean {
    if (classifyFailure(error) !== "pool_exhausted") return false;
    this.#lastAcquireTimeout = performance.now();
    return true;
  }

  /** Resolves with true once no work is under way, with false when `deadlineMs` milliseconds have passed before. */
  async idle(deadlineMs: number): Promise<boolean> {
    if (this.#running === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), deadlineMs);
    this.#onIdle = () => resolve(true);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#onIdle = null;
    }
  }

  #count(change: 1 | -1): void {
    this.#running += change;
    if (this.#running <= this.pool.settings.connectionLimit) this.#fullSince = null;
    else this.#fullSince ??= performance.now();
    if (this.#running === 0) this.#onIdle?.();
  }
}
