import type { SqlQuery, SqlResultSet, Transaction, TransactionOptions } from "@prisma/driver-adapter-utils";
import { type OperationName, operationOf } from "./operation-times.ts";
import type { PoolLease } from "./pool-lease.ts";

/** Runs one step of a transaction and measures it. */
export type Measure = <Result>(operation: OperationName, step: () => Promise<Result>) => Promise<Result>;

/** A transaction that reports its steps and its end, so that the pool it holds a connection of is not closed under it. */
export class LeasedTransaction implements Transaction {
  readonly #inner: Transaction;
  readonly #lease: PoolLease;
  readonly #measure: Measure;
  readonly #onEnd: () => void;

  constructor(inner: Transaction, lease: PoolLease, measure: Measure, onEnd: () => void) {
    this.#inner = inner;
    this.#lease = lease;
    this.#measure = measure;
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
    return this.#measure(operationOf(query.sql), () => this.#lease.answer(this.#inner.queryRaw(query)));
  }

  executeRaw(query: SqlQuery): Promise<number> {
    return this.#measure(operationOf(query.sql), () => this.#lease.answer(this.#inner.executeRaw(query)));
  }

  // Prisma sends COMMIT and ROLLBACK as statements; these give the connection back.
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
