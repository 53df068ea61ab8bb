import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from "@prisma/driver-adapter-utils";
import type { DatabaseSettings } from "../config/config.ts";
import { Circuit, type CircuitStateName } from "./circuit.ts";
import { classifyFailure, type FailureKind } from "./database-failure.ts";
import { openPool } from "./database-pool.ts";
import { LeasedTransaction, type Measure } from "./leased-transaction.ts";
import { type PoolMeasurements, PoolMeasures, togetherOverdue } from "./measured-pool.ts";
import { type OperationName, type OperationTime, OperationTimes, operationOf } from "./operation-times.ts";
import { CLOSED_MESSAGE, CUT_OFF_MESSAGE, newPiece, type Piece, PoolLease } from "./pool-lease.ts";
import { type PoolLog, SILENT } from "./pool-log.ts";
import type { PoolState } from "./pool-state.ts";
import { isReachable } from "./probe-connection.ts";
import { isRead } from "./read-only-sql.ts";
import { RetiredPools } from "./retired-pools.ts";
import { type Repeatable, RetryCounts, repeatAfter } from "./retry.ts";
import { RetryClock } from "./retry-clock.ts";
import { currentWork } from "./work-context.ts";

/**
 * The adapter that the one PrismaClient of the process talks to, for its whole life. Behind it lies the pool of the
 * moment: a live change opens another pool, sends new work there, and closes the former one when its last statement
 * and transaction have ended. So the client, and everybody who imported it, notices nothing.
 */
export class PoolExchange implements SqlDriverAdapterFactory, SqlDriverAdapter {
  readonly provider = "postgres";
  readonly adapterName = "@prisma/adapter-pg";
  #lease: PoolLease | null = null;
  #opening: Promise<void> | null = null;
  #settings: DatabaseSettings | null = null;
  #log: PoolLog = SILENT;
  /** True once `close` was called. */
  #isFinal = false;
  readonly #retired = new RetiredPools(() => this.#log);
  /** Ends the pauses between two attempts that are under way. */
  readonly #pauses = new Set<() => void>();
  readonly #measures = new PoolMeasures();
  readonly #retryCounts = new RetryCounts();
  readonly #operationTimes = new OperationTimes();
  readonly #counters = { acquireTimeouts: 0, idleErrors: 0, circuitOpened: 0 };
  readonly #openPool: typeof openPool;
  readonly #isReachable: typeof isReachable;

  /** `open` and `reachable` are replaceable for tests only. */
  constructor(open: typeof openPool = openPool, reachable: typeof isReachable = isReachable) {
    this.#openPool = open;
    this.#isReachable = reachable;
  }

  logTo(log: PoolLog): void {
    this.#log = log;
  }

  /** The settings in use. Throws before the first `use`. */
  get settings(): DatabaseSettings {
    if (this.#settings === null) throw new Error("the database layer has no settings yet: call use() first");
    return this.#settings;
  }

  /**
   * Opens a pool with `settings` for all new work and closes the former one as soon as its work has ended. Rejects after
   * `close`.
   */
  async use(settings: DatabaseSettings): Promise<void> {
    const log = this.#log;
    const pool = await this.#openPool(settings, {
      measures: this.#measures,
      onIdleError: (error) => {
        this.#counters.idleErrors += 1;
        this.#log.warn({ reason: error.message }, "an idle database connection broke and was dropped");
      },
      checkouts: {
        onAcquire: log.debug && ((checkout) => log.debug?.(checkout, "database connection acquired")),
        onRelease: log.debug && ((checkout) => log.debug?.(checkout, "database connection released")),
        onLeak: (leak) =>
          this.#log.warn(leak, "a database connection is kept longer than DATABASE_LEAK_THRESHOLD"),
      },
    });
    // A stop came meanwhile: nobody would use this one, or close it.
    if (this.#isFinal) {
      await pool.close();
      throw new Error(CLOSED_MESSAGE);
    }
    const former = this.#lease;
    this.#settings = settings;
    this.#lease = new PoolLease(pool, this.#circuitFor(settings));
    if (former !== null) this.#retired.add(former, drainDeadlineMs(former.pool.settings));
  }

  state(): PoolState {
    const lease = this.#lease;
    const now = performance.now();
    const since = (moment: number | null) => (moment === null ? null : now - moment);
    return {
      mode: this.settings.mode,
      limit: this.settings.connectionLimit,
      counts: lease?.pool.counts() ?? null,
      running: lease?.running ?? 0,
      longestWaitMs: since(lease?.waitingSince ?? null) ?? 0,
      lastAcquireTimeoutMsAgo: since(lease?.lastAcquireTimeout ?? null),
      drainingPools: this.#retired.size,
      measurements: this.#measurements(),
      counters: {
        ...this.#counters,
        retries: { ...this.#retryCounts.attempts },
        retriesGivenUp: this.#retryCounts.gaveUp,
      },
      circuit: lease?.circuit.state ?? "closed",
    };
  }

  /** Who keeps a connection of a former pool still keeps it. */
  #measurements(): PoolMeasurements | null {
    const measurements = this.#lease?.pool.measurements() ?? null;
    if (measurements === null) return null;
    return { ...measurements, overdue: togetherOverdue([measurements.overdue, ...this.#retired.overdue()]) };
  }

  /** Durations of statements and of the steps of transactions since the process started, in both modes. */
  operationTimes(): OperationTime[] {
    return this.#operationTimes.snapshot();
  }

  /**
   * Runs `attempt`, and again after a failure for as long as the rule for `what` and the budget of the current work
   * allow (see mayRepeat). Statements outside of transactions and the begin of a transaction go through it by
   * themselves; inTransaction uses it for whole transactions.
   */
  withRetry<Result>(what: () => Repeatable, attempt: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now();
    return attempt().catch((error: unknown) =>
      repeatAfter(error, {
        attempt,
        what,
        startedAt,
        budgetMs: this.settings.retryBudgetSeconds * 1000,
        clock: currentWork()?.clock ?? new RetryClock(),
        counts: this.#retryCounts,
        pause: (durationMs) => this.#pause(durationMs),
      }),
    );
  }

  /** Resolves with true after `durationMs`, with false at the end of a close: nobody is to wait for an attempt in vain. */
  #pause(durationMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), durationMs);
    const end = () => resolve(false);
    this.#pauses.add(end);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#pauses.delete(end);
    });
  }

  #circuitFor({ connectionString }: DatabaseSettings): Circuit {
    let told: CircuitStateName = "closed";
    return new Circuit({
      isReachable: () => this.#isReachable(connectionString),
      onChange: (circuit) => {
        // A failed trial opens it anew: that is the same outage.
        if (circuit === "half_open" || circuit === told) return;
        told = circuit;
        if (circuit === "open") this.#counters.circuitOpened += 1;
        this.#log.warn({ circuit }, "the database's circuit breaker changed");
      },
    });
  }

  /**
   * Waits until all work has ended, at most `deadlineMs`, and closes every pool. What has not ended by then is answered
   * with an error, so that nobody waits for ever. For the end of the process: work that comes later is refused.
   * True when nothing was left over.
   */
  async close(deadlineMs: number): Promise<boolean> {
    this.#isFinal = true;
    return await this.#closeAll(deadlineMs);
  }

  async #closeAll(deadlineMs: number): Promise<boolean> {
    const lease = this.#lease;
    this.#lease = null;
    if (lease !== null) this.#retired.add(lease, null);
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), deadlineMs);
    const complete = await Promise.race([this.#retired.closed(), late]).finally(() => clearTimeout(timer));
    const cutOff = this.#retired.cutOff() + this.#pauses.size;
    for (const end of this.#pauses) end();
    if (cutOff > 0) this.#log.warn({ cutOff }, "database work cut off at the end of the stop");
    return complete;
  }

  async #current(): Promise<PoolLease> {
    if (this.#isFinal) throw new Error(CLOSED_MESSAGE);
    // After $disconnect() the client may be used again, as with any other adapter: open the same pool anew.
    if (this.#lease === null) {
      this.#opening ??= this.use(this.settings).finally(() => {
        this.#opening = null;
      });
      await this.#opening;
    }
    if (this.#lease === null) throw new Error(CLOSED_MESSAGE);
    return this.#lease;
  }

  // ---- what Prisma calls ----

  connect(): Promise<SqlDriverAdapter> {
    return Promise.resolve(this);
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    const kind = () => (isRead(query.sql) ? "read" : "write");
    return this.#work(operationOf(query.sql), kind, (lease) => lease.pool.adapter.queryRaw(query));
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#work(
      operationOf(query.sql),
      () => "write",
      (lease) => lease.pool.adapter.executeRaw(query),
    );
  }

  /** Never repeated: it is several statements, and nobody knows which of them were done. */
  async executeScript(script: string): Promise<void> {
    const lease = this.#lease ?? (await this.#current());
    const leave = lease.enter(newPiece());
    try {
      await lease.answer(lease.pool.adapter.executeScript(script));
    } finally {
      leave();
    }
  }

  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    let what: Repeatable = "begin";
    return this.#work(
      "BEGIN",
      () => what,
      async (lease, piece) => {
        const stopWatch = this.#watchBegin(lease, piece, () => {
          what = "abandoned";
        });
        const transaction = await lease.pool.adapter.startTransaction(isolationLevel).finally(stopWatch);
        if (lease.isCutOff) return await discard(transaction);
        const measure: Measure = (operation, step) => this.#measured(operation, step);
        // With the place of its begin: it has its connection, and whoever asked later may still wait for one.
        return new LeasedTransaction(transaction, lease, measure, lease.enter({ ...piece }));
      },
    );
  }

  /**
   * Prisma gives a begin up after DATABASE_TRANSACTION_MAX_WAIT, mostly before the pool does, and tells nobody. Who had
   * no connection by then counts as one who gave up waiting for it, once. Returns what ends the watch.
   */
  #watchBegin(lease: PoolLease, piece: Piece, onAbandoned: () => void): () => void {
    const timer = setTimeout(
      () => {
        if (lease.isWaiting(piece)) this.#countAcquireTimeout(lease);
        onAbandoned();
      },
      lease.pool.settings.transactionMaxWaitSeconds * 1000 - (performance.now() - piece.since),
    ).unref();
    return () => clearTimeout(timer);
  }

  #countAcquireTimeout(lease: PoolLease): void {
    lease.noteAcquireTimeout();
    this.#counters.acquireTimeouts += 1;
  }

  /**
   * One piece of work outside of transactions: repeated where that is safe, through the breaker, on the pool of the
   * moment of each attempt. Here and not in a client extension, because here one call is one statement: it is known
   * whether it only reads and how far it came, and the client stays the one object that everybody has imported.
   */
  async #work<Result>(
    operation: OperationName,
    what: () => Repeatable,
    call: (lease: PoolLease, piece: Piece) => Promise<Result>,
  ): Promise<Result> {
    const first = this.#lease ?? (await this.#current());
    const piece = newPiece();
    // Held over all attempts, so that a stop waits for work that pauses between two of them.
    const leave = first.enter(piece);
    try {
      const attempt = () => this.#measured(operation, () => this.#attempt(first, piece, what, call));
      return await first.circuit.run(() => this.withRetry(what, attempt));
    } finally {
      leave();
    }
  }

  async #measured<Result>(operation: OperationName, call: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now();
    const observe = (failure: FailureKind | null) =>
      this.#operationTimes.observe(operation, failure, (performance.now() - startedAt) / 1000);
    try {
      const result = await call();
      observe(null);
      return result;
    } catch (error) {
      observe(classifyFailure(error));
      throw error;
    }
  }

  /**
   * One attempt on the pool of the moment. Where that is no longer `first`, the pool that the work began on with the piece
   * `begun`, the attempt is a piece of its own there, which asks for its connection from now on.
   */
  #attempt<Result>(
    first: PoolLease,
    begun: Piece,
    what: () => Repeatable,
    call: (lease: PoolLease, piece: Piece) => Promise<Result>,
  ): Promise<Result> {
    const lease = this.#lease ?? first;
    const piece = lease === first ? begun : newPiece();
    const answered = lease.answer(call(lease, piece)).catch((error: unknown) => {
      const isCounted = what() === "abandoned";
      if (!isCounted && classifyFailure(error) === "pool_exhausted") this.#countAcquireTimeout(lease);
      throw error;
    });
    return lease === first ? answered : answered.finally(lease.enter(piece));
  }

  getConnectionInfo(): ConnectionInfo {
    return { schemaName: this.settings.schema, supportsRelationJoins: true };
  }

  /** `prisma.$disconnect()`: closes the pool like a stop does; a later query opens it again. */
  async dispose(): Promise<void> {
    await this.#closeAll(drainDeadlineMs(this.settings));
  }
}

/** Ends a transaction that was begun after its caller had been answered: nobody else would give its connection back. */
async function discard(transaction: Transaction): Promise<never> {
  await transaction
    .executeRaw({ sql: "ROLLBACK", args: [], argTypes: [] })
    .finally(() => transaction.rollback());
  throw new Error(CUT_OFF_MESSAGE);
}

/** By then every waiter has a connection or has given up, and every transaction has ended or was ended by Prisma. */
function drainDeadlineMs(settings: DatabaseSettings): number {
  const { acquireTimeoutSeconds, transactionTimeoutSeconds, retryBudgetSeconds } = settings;
  return (acquireTimeoutSeconds + transactionTimeoutSeconds + retryBudgetSeconds) * 1000;
}
