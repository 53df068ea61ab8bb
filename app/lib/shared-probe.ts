/**
 * Lets any number of callers share one look at something: calls during a look get that look, calls shortly after it
 * get its result. So probes cost the database the same whether one person asks or a hundred.
 */
export class SharedProbe<Result> {
  readonly #look: () => Promise<Result>;
  readonly #freshForMs: number;
  #running: Promise<Result> | null = null;
  #last: { readonly result: Result; readonly at: number } | null = null;

  /** `look` must not reject. A result counts as fresh for `freshForMs` milliseconds. */
  constructor(freshForMs: number, look: () => Promise<Result>) {
    this.#freshForMs = freshForMs;
    this.#look = look;
  }

  async get(): Promise<Result> {
    if (this.#running !== null) return await this.#running;
    if (this.#last !== null && performance.now() - this.#last.at < this.#freshForMs) return this.#last.result;
    this.#running = this.#look();
    try {
      const result = await this.#running;
      this.#last = { result, at: performance.now() };
      return result;
    } finally {
      this.#running = null;
    }
  }
}
