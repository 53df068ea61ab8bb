/** Of each message so many lines a second are written, and of those beyond every hundredth (as zap's sampler does). */
const FIRST = 100;
const THEN_EVERY = 100;
const WINDOW_MS = 1000;

/**
 * Decides which lines are written when there are many: under load the log costs the same as under little, and still
 * shows a sample of everything. What is left out is counted.
 */
export class LogSampler {
  /** Called once a second while lines are left out, with their number by message. Set by app/log/logger.ts. */
  onLeftOut: (lines: Readonly<Record<string, number>>) => void = () => {};
  readonly #seen = new Map<string, number>();
  readonly #leftOut = new Map<string, number>();
  #windowEnd = 0;
  #total = 0;

  /** Lines left out since the process started. */
  get leftOut(): number {
    return this.#total;
  }

  /** Whether a line with this message is written now; `lines` that go with it are counted when it is not. */
  admits(message: string, lines = 1): boolean {
    const now = performance.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + WINDOW_MS;
      this.#seen.clear();
    }
    const seen = (this.#seen.get(message) ?? 0) + 1;
    this.#seen.set(message, seen);
    if (seen <= FIRST || (seen - FIRST) % THEN_EVERY === 0) return true;
    this.#leaveOut(message, lines);
    return false;
  }

  #leaveOut(message: string, lines: number): void {
    if (this.#leftOut.size === 0) setTimeout(() => this.#tell(), WINDOW_MS).unref();
    this.#leftOut.set(message, (this.#leftOut.get(message) ?? 0) + lines);
    this.#total += lines;
  }

  #tell(): void {
    const lines = Object.fromEntries(this.#leftOut);
    this.#leftOut.clear();
    this.onLeftOut(lines);
  }
}
