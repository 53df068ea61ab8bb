/** A snapshot: how many values were at most each bound (cumulative, as Prometheus has it), their number and sum. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  /** Upper bounds in the histogram's unit, ascending; everything above the last is only in `count`. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** Counts values by fixed bounds. Observing costs a short search and allocates nothing. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** `bounds` ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  snapshot(): HistogramSnapshot {
    let count = 0;
    const buckets = this.#bounds.map((le, index) => {
      count += this.#counts[index] ?? 0;
      return { le, count };
    });
    count += this.#counts[this.#bounds.length] ?? 0;
    return { count, sum: this.#sum, buckets };
  }
}
