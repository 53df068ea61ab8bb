import type { Prisma } from "../generated/prisma/client.ts";
import { databasePool, prisma } from "./prisma.ts";

/** How a transaction is run. */
export interface TransactionOptions {
  /** @default Postgres' own, READ COMMITTED */
  readonly isolationLevel?: Prisma.TransactionIsolationLevel;
}

/**
 * Runs `work` in one transaction with the limits of the settings in force (Prisma copies its own defaults when the
 * client is made, so `prisma.$transaction` alone would not follow a live change).
 * When Postgres ends it in favour of another one (40001, 40P01) or no connection was free for its begin, `work` runs
 * again from its start, within DATABASE_RETRY_BUDGET: what it does outside of the database must bear that.
 * Rejects with P2028 when no connection is free in time or `work` takes longer than the limit; then nothing is kept.
 */
export function inTransaction<Result>(
  work: (transaction: Prisma.TransactionClient) => Promise<Result>,
  options: TransactionOptions = {},
): Promise<Result> {
  return databasePool.withRetry(
    () => "transaction",
    async () => {
      const { transactionMaxWaitSeconds, transactionTimeoutSeconds } = databasePool.settings;
      return await prisma.$transaction(work, {
        ...options,
        maxWait: transactionMaxWaitSeconds * 1000,
        timeout: transactionTimeoutSeconds * 1000,
      });
    },
  );
}
