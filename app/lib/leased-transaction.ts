import type { SqlQuery, SqlResultSet, Transaction, TransactionOptions } from "@prisma/driver-adapter-utils";
import type { PoolLease } from "./pool-lease.ts";

/** A transaction that reports its end, so that the pool it holds a connection of is not closed under it. */
export class LeasedTransaction implements Transaction {
  readonly #inner: Transaction;
  readonly #lease: PoolLease;
  readonly #onEnd: () => void;

  constructor(inner: Transaction, lease: PoolLease, onEnd: () => void) {
    this.#inner = inner;
    this.#lease = lease;
    this.#onEnd = onEnd;
  }

  get provider(): Transaction["provider"] {
    return this.#inner.provider;
  }

  get adapterName(): string {
    return this.#inner.adapterName;
  }

  get options(): TransactionOptions {
    return this.#inner.options;
  }

  queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return this.#lease.answer(this.#inner.queryRaw(query));
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#lease.answer(this.#inner.executeRaw(query));
  }

  async commit(): Promise<void> {
    await this.#inner.commit().finally(this.#onEnd);
  }

  async rollback(): Promise<void> {
    await this.#inner.rollback().finally(this.#onEnd);
  }

  async createSavepoint(name: string): Promise<void> {
    await this.#inner.createSavepoint?.(name);
  }

  async rollbackToSavepoint(name: string): Promise<void> {
    await this.#inner.rollbackToSavepoint?.(name);
  }

  async releaseSavepoint(name: string): Promise<void> {
    await this.#inner.releaseSavepoint?.(name);
  }
}
