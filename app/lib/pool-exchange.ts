import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from "@prisma/driver-adapter-utils";
import type { DatabaseSettings } from "./config.ts";
import { type IdleErrorListener, type OpenPool, openPool, type PoolCounts } from "./database-pool.ts";
import { LeasedTransaction } from "./leased-transaction.ts";
import { CUT_OFF_MESSAGE, PoolLease } from "./pool-lease.ts";

/** What health and stop may know about the pool in use. */
export interface PoolState {
  readonly mode: DatabaseSettings["mode"];
  readonly limit: number;
  readonly counts: PoolCounts | null;
  /** Statements and transactions under way, those that wait for a connection included. */
  readonly running: number;
  /** For how long, in milliseconds, more work than connections has been under way; 0 when it is not. */
  readonly fullForMs: number;
  /** Milliseconds since work last gave up waiting for a connection; null when that never happened. */
  readonly lastAcquireTimeoutMsAgo: number | null;
  /** Former pools whose last work has not ended yet. */
  readonly drainingPools: number;
}

/** Where the layer tells what happened; app/server.ts passes the application's logger. */
export interface PoolLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const SILENT: PoolLog = { info: () => {}, warn: () => {} };

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
  /** Former pools; each resolves with true when its work ended by itself. */
  readonly #draining = new Set<Promise<boolean>>();
  readonly #openPool: (settings: DatabaseSettings, onIdleError: IdleErrorListener) => Promise<OpenPool>;

  /** `open` is replaceable for tests only. */
  constructor(open: typeof openPool = openPool) {
    this.#openPool = open;
  }

  logTo(log: PoolLog): void {
    this.#log = log;
  }

  /** The settings in use. Throws before the first `use`. */
  get settings(): DatabaseSettings {
    if (this.#settings === null) throw new Error("the database layer has no settings yet: call use() first");
    return this.#settings;
  }

  /** Opens a pool with `settings` for all new work and closes the former one as soon as its work has ended. */
  async use(settings: DatabaseSettings): Promise<void> {
    const pool = await this.#openPool(settings, (error) =>
      this.#log.warn({ reason: error.message }, "an idle database connection broke and was dropped"),
    );
    const former = this.#lease;
    this.#settings = settings;
    this.#lease = new PoolLease(pool);
    if (former !== null) this.#retire(former, drainDeadlineMs(former.pool.settings));
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
      fullForMs: since(lease?.fullSince ?? null) ?? 0,
      lastAcquireTimeoutMsAgo: since(lease?.lastAcquireTimeout ?? null),
      drainingPools: this.#draining.size,
    };
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
    if (lease !== null) this.#retire(lease, deadlineMs);
    const drained = Promise.all(this.#draining).then((all) => !all.includes(false));
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), deadlineMs);
    const complete = await Promise.race([drained, late]).finally(() => clearTimeout(timer));
    const cutOff = lease?.cutOff() ?? 0;
    if (cutOff > 0) this.#log.warn({ cutOff }, "database work cut off at the end of the stop");
    return complete;
  }

  #retire(lease: PoolLease, deadlineMs: number): void {
    const drain = async () => {
      const workAtStart = lease.running;
      const ended = await lease.idle(deadlineMs);
      if (ended) this.#log.info({ workAtStart }, "former database pool drained");
      else
        this.#log.warn(
          { stillRunning: lease.running },
          "former database pool not drained in time, closing anyway",
        );
      await lease.pool.close();
      return ended;
    };
    const drained = drain()
      .catch((error: unknown) => {
        this.#log.warn({ reason: String(error) }, "closing a database pool failed");
        return false;
      })
      .finally(() => this.#draining.delete(drained));
    this.#draining.add(drained);
  }

  async #current(): Promise<PoolLease> {
    if (this.#isFinal) throw new Error(CUT_OFF_MESSAGE);
    // After $disconnect() the client may be used again, as with any other adapter: open the same pool anew.
    if (this.#lease === null) {
      this.#opening ??= this.use(this.settings).finally(() => {
        this.#opening = null;
      });
      await this.#opening;
    }
    if (this.#lease === null) throw new Error("the database pool was closed while it was being opened");
    return this.#lease;
  }

  // ---- what Prisma calls ----

  connect(): Promise<SqlDriverAdapter> {
    return Promise.resolve(this);
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    const lease = this.#lease ?? (await this.#current());
    return await lease.run(() => lease.pool.adapter.queryRaw(query));
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    const lease = this.#lease ?? (await this.#current());
    return await lease.run(() => lease.pool.adapter.executeRaw(query));
  }

  async executeScript(script: string): Promise<void> {
    const lease = this.#lease ?? (await this.#current());
    await lease.run(() => lease.pool.adapter.executeScript(script));
  }

  async startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    const lease = this.#lease ?? (await this.#current());
    const leave = lease.enter();
    try {
      const inner = await lease.answer(lease.pool.adapter.startTransaction(isolationLevel));
      return new LeasedTransaction(inner, lease, leave);
    } catch (error) {
      lease.noteFailure(error);
      leave();
      throw error;
    }
  }

  getConnectionInfo(): ConnectionInfo {
    return { schemaName: this.settings.schema, supportsRelationJoins: true };
  }

  /** `prisma.$disconnect()`: closes the pool like a stop does; a later query opens it again. */
  async dispose(): Promise<void> {
    await this.#closeAll(drainDeadlineMs(this.settings));
  }
}

/** By then every waiter has a connection or has given up, and every transaction has ended or was ended by Prisma. */
function drainDeadlineMs(settings: DatabaseSettings): number {
  return (settings.acquireTimeoutSeconds + settings.transactionTimeoutSeconds) * 1000;
}
