import pg from "pg";
import { Histogram, type HistogramSnapshot } from "./histogram.ts";
import { currentWork, UNKNOWN_CALLER } from "./work-context.ts";

/**
 * Upper bounds in seconds of the acquire wait. The presets' acquire timeouts (5, 10 and 30) are among them, so that
 * "waited to the end" is a bucket of its own; a test compares the two lists.
 */
export const ACQUIRE_WAIT_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Upper bounds in seconds of the use of a connection: those of the wait, and the presets' transaction timeouts. */
export const USE_BOUNDS = [...ACQUIRE_WAIT_BOUNDS, 8, 15, 60].sort((a, b) => a - b);

/** How often checkouts are looked through for old ones. */
const LEAK_SWEEP_MS = 1000;

/** What enhanced mode counts, since the process started: it outlives the exchange of the pool behind it. */
export class PoolMeasures {
  /** Connections opened and closed. */
  connects = 0;
  removes = 0;
  /** Checkouts that were kept longer than DATABASE_LEAK_THRESHOLD. */
  leaks = 0;
  /** Seconds from asking for a connection to having it, or to giving up. */
  readonly acquireWait = new Histogram(ACQUIRE_WAIT_BOUNDS);
  /** Seconds from having a connection to giving it back. */
  readonly use = new Histogram(USE_BOUNDS);
}

/** Checkouts that are older than the threshold now. */
export interface OverdueCheckouts {
  readonly count: number;
  /** Of the oldest one; null where there is none. */
  readonly oldestSeconds: number | null;
  readonly oldestCaller: string | null;
}

/** Those of several pools together. */
export function togetherOverdue(ofPools: readonly OverdueCheckouts[]): OverdueCheckouts {
  const [oldest] = [...ofPools].sort((a, b) => (b.oldestSeconds ?? 0) - (a.oldestSeconds ?? 0));
  return {
    count: ofPools.reduce((sum, { count }) => sum + count, 0),
    oldestSeconds: oldest?.oldestSeconds ?? null,
    oldestCaller: oldest?.oldestCaller ?? null,
  };
}

/** What enhanced mode can tell of its pool. */
export interface PoolMeasurements {
  readonly connects: number;
  readonly removes: number;
  readonly leaks: number;
  readonly leakThresholdSeconds: number;
  readonly overdue: OverdueCheckouts;
  readonly acquireWaitSeconds: HistogramSnapshot;
  readonly useSeconds: HistogramSnapshot;
}

/** Whose work a connection is for. */
export interface Holder {
  readonly caller: string;
  /** The id of the HTTP request, under its name in log lines; absent for jobs. */
  readonly reqId?: string;
}

/** Hears what happens to connections, at the moment it happens: should be quick. What is absent costs nothing. */
export interface CheckoutListener {
  onAcquire?: ((checkout: Holder & { readonly waitMs: number }) => void) | undefined;
  onRelease?: ((checkout: Holder & { readonly heldMs: number }) => void) | undefined;
  /** A connection was kept for longer than the threshold; told once for each checkout. */
  onLeak(leak: Holder & { readonly heldSeconds: number }): void;
}

interface Checkout {
  readonly holder: Holder;
  /** performance.now() when the connection was handed out. */
  readonly since: number;
  isReported: boolean;
}

type ConnectCallback = Parameters<pg.Pool["connect"]>[0];

/** A pg.Pool that measures its waits and knows who holds its connections. Costs three looks at the clock a checkout. */
export class MeasuredPool extends pg.Pool {
  readonly #measures: PoolMeasures;
  readonly #leakThresholdMs: number;
  readonly #listener: CheckoutListener;
  /** In the order of their age: the oldest first. */
  readonly #checkouts = new Map<pg.PoolClient, Checkout>();
  readonly #sweep: NodeJS.Timeout;

  constructor(
    config: pg.PoolConfig,
    options: {
      readonly measures: PoolMeasures;
      readonly leakThresholdSeconds: number;
      readonly listener: CheckoutListener;
    },
  ) {
    super(config);
    this.#measures = options.measures;
    this.#leakThresholdMs = options.leakThresholdSeconds * 1000;
    this.#listener = options.listener;
    this.on("connect", () => {
      this.#measures.connects += 1;
    });
    this.on("remove", () => {
      this.#measures.removes += 1;
    });
    this.on("release", (_error, client) => this.#takeBack(client));
    this.#sweep = setInterval(() => this.#reportLeaks(), LEAK_SWEEP_MS).unref();
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    // Here and not in the "acquire" event: that runs in the context of whoever released the connection.
    const holder = currentHolder();
    const askedAt = performance.now();
    if (callback === undefined) {
      return super.connect().then(
        (client) => this.#handOut(client, holder, askedAt),
        (error: unknown) => {
          this.#observeWait(askedAt);
          throw error;
        },
      );
    }
    super.connect((error, client, done) => {
      if (client === undefined) this.#observeWait(askedAt);
      else this.#handOut(client, holder, askedAt);
      callback(error, client, done);
    });
    return undefined;
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    // Not before the last connection is back: one that never comes is a leak as well.
    const ended = super.end().finally(() => clearInterval(this.#sweep));
    if (callback === undefined) return ended;
    ended.then(callback, callback);
    return undefined;
  }

  /** Breaks all connections that are handed out; whoever holds one gets an error at its next word with the database. */
  breakUsed(): void {
    for (const client of this.#checkouts.keys()) {
      if (client instanceof pg.Client) client.end().catch(() => {});
    }
  }

  measurements(): PoolMeasurements {
    const { connects, removes, leaks, acquireWait, use } = this.#measures;
    return {
      connects,
      removes,
      leaks,
      leakThresholdSeconds: this.#leakThresholdMs / 1000,
      overdue: this.#overdue(),
      acquireWaitSeconds: acquireWait.snapshot(),
      useSeconds: use.snapshot(),
    };
  }

  #handOut(client: pg.PoolClient, holder: Holder, askedAt: number): pg.PoolClient {
    const since = this.#observeWait(askedAt);
    this.#checkouts.set(client, { holder, since, isReported: false });
    this.#listener.onAcquire?.({ ...holder, waitMs: since - askedAt });
    return client;
  }

  #takeBack(client: pg.PoolClient): void {
    const checkout = this.#checkouts.get(client);
    if (checkout === undefined) return;
    this.#checkouts.delete(client);
    const heldMs = performance.now() - checkout.since;
    this.#measures.use.observe(heldMs / 1000);
    this.#listener.onRelease?.({ ...checkout.holder, heldMs });
  }

  #observeWait(askedAt: number): number {
    const now = performance.now();
    this.#measures.acquireWait.observe((now - askedAt) / 1000);
    return now;
  }

  *#oldCheckouts(): Generator<Checkout> {
    const latest = performance.now() - this.#leakThresholdMs;
    for (const checkout of this.#checkouts.values()) {
      if (checkout.since > latest) return;
      yield checkout;
    }
  }

  #overdue(): OverdueCheckouts {
    const old = [...this.#oldCheckouts()];
    const [oldest] = old;
    return {
      count: old.length,
      oldestSeconds: oldest === undefined ? null : heldSeconds(oldest),
      oldestCaller: oldest?.holder.caller ?? null,
    };
  }

  #reportLeaks(): void {
    for (const checkout of this.#oldCheckouts()) {
      if (checkout.isReported) continue;
      checkout.isReported = true;
      this.#measures.leaks += 1;
      this.#listener.onLeak({ ...checkout.holder, heldSeconds: heldSeconds(checkout) });
    }
  }
}

function currentHolder(): Holder {
  const { caller = UNKNOWN_CALLER, requestId } = currentWork() ?? {};
  return requestId === undefined ? { caller } : { caller, reqId: requestId };
}

/** To a tenth of a second. */
function heldSeconds({ since }: Checkout): number {
  return Math.round((performance.now() - since) / 100) / 10;
}
