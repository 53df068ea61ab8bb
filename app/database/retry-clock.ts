/**
 * How long a piece of work has been held up by failing attempts. Statements that fail side by side count once, so that
 * a request with ten of them has the same budget as a request with one.
 */
export class RetryClock {
  #spentMs = 0;
  #active = 0;
  #since = 0;
  /** Up to here everything is counted. */
  #stoppedAt = Number.NEGATIVE_INFINITY;

  /** Starts counting at `startedAt` (milliseconds of performance.now()); call the returned function at the end. */
  start(startedAt: number): () => void {
    // A transaction began before its own begin, whose failing attempts may have been counted already.
    if (this.#active === 0) this.#since = Math.max(startedAt, this.#stoppedAt);
    this.#active += 1;
    return () => {
      this.#active -= 1;
      if (this.#active > 0) return;
      this.#stoppedAt = performance.now();
      this.#spentMs += this.#stoppedAt - this.#since;
    };
  }

  elapsedMs(): number {
    return this.#spentMs + (this.#active === 0 ? 0 : performance.now() - this.#since);
  }
}
