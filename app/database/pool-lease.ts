import type { Circuit } from "./circuit.ts";
import type { OpenPool } from "./database-pool.ts";

/** What work is told that has not ended when the pool must be closed; database-failure.ts knows both texts. */
export const CUT_OFF_MESSAGE = "the database pool was closed before this work had ended";
/** What work is told that comes later. */
export const CLOSED_MESSAGE = "the database pool was closed before this work began";

/** One statement or transaction on a lease, from its begin to its end. */
export interface Piece {
  /** Since when it has asked for its connection, in milliseconds of performance.now(). */
  readonly since: number;
}

/** A piece of work that begins now. */
export const newPiece = (): Piece => ({ since: performance.now() });

/**
 * One open pool together with the work that runs on it: statements and open transactions. Knowing the work is what
 * lets the pool be closed without cutting anybody off, in both modes.
 */
export class PoolLease {
  readonly pool: OpenPool;
  /** Guards the way to the database that this pool uses. */
  readonly circuit: Circuit;
  readonly #work = new Set<Piece>();
  #lastAcquireTimeout: number | null = null;
  /** Ends the wait of `idle`, with whether the work has ended by itself. */
  #endIdle: ((hasEnded: boolean) => void) | null = null;
  /** Rejects the calls that wait for an answer of the database, each its own. */
  readonly #unanswered = new Set<(reason: Error) => void>();
  #isCutOff = false;

  constructor(pool: OpenPool, circuit: Circuit) {
    this.pool = pool;
    this.circuit = circuit;
  }

  /** Statements and transactions under way, those that wait for a connection included. */
  get running(): number {
    return this.#work.size;
  }

  /**
   * Since when, in milliseconds of performance.now(), the longest-waiting piece of work has had no connection; null when
   * none waits. pg.Pool serves in order, so whatever began after the first `connectionLimit` pieces waits: known in
   * standard mode too, whose pool shows no counters. While work pauses between two attempts this says too much, because
   * such work counts as under way and has no connection.
   */
  get waitingSince(): number | null {
    // Sorted here and not kept in order: a transaction enters late, with the moment of its begin.
    const moments = [...this.#work].map(({ since }) => since).sort((a, b) => a - b);
    return moments[this.pool.settings.connectionLimit] ?? null;
  }

  /** True while `piece` has no connection, judged as `waitingSince` does. Looks at few: the oldest mostly come first. */
  isWaiting(piece: Piece): boolean {
    let before = 0;
    for (const { since } of this.#work) {
      if (since < piece.since) before += 1;
      if (before >= this.pool.settings.connectionLimit) return true;
    }
    return false;
  }

  /** True once `cutOff` has answered for the database: what it says later reaches nobody. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** When, in milliseconds of performance.now(), work last gave up waiting for a connection. */
  get lastAcquireTimeout(): number | null {
    return this.#lastAcquireTimeout;
  }

  /** Counts `piece` as under way; call the returned function exactly when it has ended. */
  enter(piece: Piece): () => void {
    this.#work.add(piece);
    return () => {
      if (this.#work.delete(piece) && this.#work.size === 0) this.#endIdle?.(true);
    };
  }

  /** What `call` gives, or the error of `cutOff` when that comes first. */
  answer<Result>(call: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject);
      call.then(
        (result) => {
          this.#unanswered.delete(reject);
          resolve(result);
        },
        (error: unknown) => {
          this.#unanswered.delete(reject);
          reject(error);
        },
      );
    });
  }

  /**
   * Answers everybody who still waits with an error, `idle` too. For the end of a stop or of a live change: node-postgres
   * never answers those who queue for a connection of a pool that ends (brianc/node-postgres #1980). Returns how many
   * calls there were.
   */
  cutOff(): number {
    this.#isCutOff = true;
    this.#endIdle?.(false);
    const unanswered = [...this.#unanswered];
    this.#unanswered.clear();
    for (const reject of unanswered) reject(new Error(CUT_OFF_MESSAGE));
    return unanswered.length;
  }

  /** Remembers that work gave up waiting for a connection just now. */
  noteAcquireTimeout(): void {
    this.#lastAcquireTimeout = performance.now();
  }

  /**
   * Resolves with true once no work is under way, with false when `deadlineMs` milliseconds have passed before or `cutOff`
   * came. @param deadlineMs null = `cutOff` alone ends it
   */
  async idle(deadlineMs: number | null): Promise<boolean> {
    if (this.#work.size === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = deadlineMs === null ? undefined : setTimeout(() => resolve(false), deadlineMs);
    this.#endIdle = resolve;
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#endIdle = null;
    }
  }
}
