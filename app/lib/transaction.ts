import type { Prisma } from "../generated/prisma/client.ts";
import { databasePool, prisma } from "./prisma.ts";

/**
 * Runs `work` in one transaction with the limits of the settings in force (Prisma copies its own defaults when the
 * client is made, so `prisma.$transaction` alone would not follow a live change).
 * Rejects with P2028 when no connection is free in time or `work` takes longer than the limit; then nothing is kept.
 */
export function inTransaction<Result>(
  work: (transaction: Prisma.TransactionClient) => Promise<Result>,
): Promise<Result> {
  const { transactionMaxWaitSeconds, transactionTimeoutSeconds } = databasePool.settings;
  return prisma.$transaction(work, {
    maxWait: transactionMaxWaitSeconds * 1000,
    timeout: transactionTimeoutSeconds * 1000,
  });
}
