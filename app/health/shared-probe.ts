/** A result that has grown old is still given for so long at most, while the next look is under way. */
const MAX_GRACE_MS = 500;

/**
 * Lets any number of callers share one look at something: calls during a look get that look, calls shortly after it
 * get its result. So probes cost the database the same whether one person asks or a hundred.
 */
export class SharedProbe<Result> {
  readonly #look: () => Promise<Result>;
  readonly #freshForMs: (result: Result, tookMs: number) => number;
  #running: Promise<Result> | null = null;
  #last: { readonly result: Result; readonly at: number; readonly freshForMs: number } | null = null;

  /**
   * `look` must not reject. A result counts as fresh for `freshForMs` milliseconds (or for what that says of a result and
   * the time that its look took), and is still given for as long again (half a second at most) while the next look is
   * under way: who asks steadily never waits for a look.
   */
  constructor(
    freshForMs: number | ((result: Result, tookMs: number) => number),
    look: () => Promise<Result>,
  ) {
    this.#freshForMs = typeof freshForMs === "number" ? () => freshForMs : freshForMs;
    this.#look = look;
  }

  async get(): Promise<Result> {
    const last = this.#last;
    const ageMs = last === null ? Number.POSITIVE_INFINITY : performance.now() - last.at;
    if (last !== null && ageMs < last.freshForMs) return last.result;
    const next = this.#next();
    if (last !== null && ageMs < last.freshForMs + Math.min(last.freshForMs, MAX_GRACE_MS)) {
      // Nobody awaits this look: without a handler its rejection would end the process.
      next.catch(() => {});
      return last.result;
    }
    return await next;
  }

  #next(): Promise<Result> {
    if (this.#running !== null) return this.#running;
    const began = performance.now();
    this.#running = this.#look()
      .then((result) => {
        const at = performance.now();
        this.#last = { result, at, freshForMs: this.#freshForMs(result, at - began) };
        return result;
      })
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }
}
