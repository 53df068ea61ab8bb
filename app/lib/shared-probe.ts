/** A result that has grown old is still given for so long at most, while the next look is under way. */
const MAX_GRACE_MS = 500;

/**
 * Lets any number of callers share one look at something: calls during a look get that look, calls shortly after it
 * get its result. So probes cost the database the same whether one person asks or a hundred.
 */
export class SharedProbe<Result> {
  readonly #look: () => Promise<Result>;
  readonly #freshForMs: number;
  #running: Promise<Result> | null = null;
  #last: { readonly result: Result; readonly at: number } | null = null;

  /**
   * `look` must not reject. A result counts as fresh for `freshForMs` milliseconds, and is still given for as long
   * again (half a second at most) while the next look is under way: who asks steadily never waits for a look.
   */
  constructor(freshForMs: number, look: () => Promise<Result>) {
    this.#freshForMs = freshForMs;
    this.#look = look;
  }

  async get(): Promise<Result> {
    const ageMs = this.#last === null ? Number.POSITIVE_INFINITY : performance.now() - this.#last.at;
    if (this.#last !== null && ageMs < this.#freshForMs) return this.#last.result;
    const next = this.#next();
    if (this.#last !== null && ageMs < this.#freshForMs + Math.min(this.#freshForMs, MAX_GRACE_MS)) {
      // Nobody awaits this look: without a handler its rejection would end the process.
      next.catch(() => {});
      return this.#last.result;
    }
    return await next;
  }

  #next(): Promise<Result> {
    this.#running ??= this.#look()
      .then((result) => {
        this.#last = { result, at: performance.now() };
        return result;
      })
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }
}
