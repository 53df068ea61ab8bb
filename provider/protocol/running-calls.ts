/** The calls under way, for an end that leaves none of them in its middle. */
export class RunningCalls {
  readonly #running = new Set<Promise<unknown>>();

  /** Knows of the call until it has ended, well or not. */
  track<T>(call: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = call.then(
      () => this.#running.delete(ended),
      () => this.#running.delete(ended),
    );
    this.#running.add(ended);
    return call;
  }

  /** Resolves when all of them have ended, `limitMs` later in any case. */
  async ended(limitMs: number): Promise<void> {
    const limit = new Promise((resolve) => setTimeout(resolve, limitMs).unref());
    await Promise.race([Promise.all(this.#running), limit]);
  }
}
