/** Lets at most `limit` holders in at a time; the others wait in order. */
export class Limiter {
  readonly #limit: number;
  readonly #waiting: Array<() => void> = [];
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs a step as one of the holders. */
  async run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#held >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#held++;
    try {
      return await step();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#held--;
    }
  }
}
