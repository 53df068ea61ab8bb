import type { Layers } from "../health/health-body.ts";
import { figuresOf, seenPgBouncer } from "./figures.ts";
import { type Point, withPoint } from "./live.ts";

/** Makes 180 points of seven numbers: about 20 kB, however long the application runs. */
const INTERVAL_SECONDS = 5;

/** One look, with the moment it was made (milliseconds since 1970). */
export interface Sample {
  readonly at: number;
  readonly layers: Layers;
}

/** The point that `now` makes; rates are those since `before`, null where PgBouncer was not seen or began anew. */
export function pointOf(before: Sample | null, { at, layers }: Sample): Point {
  const figures = figuresOf(layers);
  const totals = seenPgBouncer(layers.pool.pgbouncer)?.totals;
  const former = before === null ? undefined : seenPgBouncer(before.layers.pool.pgbouncer)?.totals;
  const queries = totals === undefined || former === undefined ? -1 : totals.queries - former.queries;
  const seconds = ((totals?.at ?? 0) - (former?.at ?? 0)) / 1000;
  const isCounted = queries >= 0 && seconds > 0;
  return {
    at: Math.round(at / 1000),
    application: figures.application.used,
    pgbouncer: figures.pgbouncer.used,
    postgres: figures.postgres.used,
    waiting: figures.waiting.application + (figures.waiting.pgbouncer ?? 0),
    queriesPerSecond: isCounted ? rounded(queries / seconds) : null,
    queryMs:
      isCounted && queries > 0
        ? rounded((((totals?.querySeconds ?? 0) - (former?.querySeconds ?? 0)) * 1000) / queries)
        : null,
  };
}

const rounded = (value: number) => Math.round(value * 100) / 100;

/** Remembers the last 15 minutes while the application runs. */
export class History {
  readonly #look: () => Promise<Layers>;
  #points: readonly Point[] = [];
  #last: Sample | null = null;
  #timer: NodeJS.Timeout | undefined;

  /** `look` must not reject. */
  constructor(look: () => Promise<Layers>) {
    this.#look = look;
  }

  /** The points of the last 15 minutes, the oldest first. */
  get points(): readonly Point[] {
    return this.#points;
  }

  /** Looks now and every five seconds, until `stop`. */
  start(): void {
    this.#timer = setInterval(() => void this.#sample(), INTERVAL_SECONDS * 1000).unref();
    void this.#sample();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks once and remembers it. */
  async #sample(): Promise<void> {
    const layers = await this.#look();
    this.add({ at: Date.now(), layers });
  }

  add(sample: Sample): void {
    this.#points = withPoint(this.#points, pointOf(this.#last, sample));
    this.#last = sample;
  }
}
