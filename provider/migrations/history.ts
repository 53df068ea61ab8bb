import { type AppliedMigration, transactionMark } from "./database.ts";
import { differsInLineEndsOnly, type Migration } from "./folder.ts";
import { endsTransactions } from "./transaction-words.ts";

type Folder = readonly Migration[];
type History = readonly AppliedMigration[];

/**
 * Whether an unfinished migration has no effect for certain: its end would have been recorded in the same transaction, or
 * it failed and its script is one transaction (Prisma sends it whole, too).
 */
export function leftNothing(migration: AppliedMigration, folder: Folder): boolean {
  const { name, checksum, isUnfinished, logs } = migration;
  if (!isUnfinished || logs === null) return false;
  const known = folder.find((one) => one.name === name && one.checksum === checksum);
  return logs === transactionMark || (known !== undefined && !endsTransactions(known.script));
}

/**
 * Why nothing more may be applied: the database's history contradicts the folder, so that two databases with the same
 * history would differ, or a migration began and has not ended. Without one, all that the database has has ended.
 */
export function historyProblem(folder: Folder, history: History): string | undefined {
  const changed = history.flatMap(({ name, checksum, isUnfinished }) => {
    const inFolder = folder.find((one) => one.name === name);
    if (inFolder === undefined || inFolder.checksum === checksum || isUnfinished) return [];
    const isSameText = differsInLineEndsOnly(inFolder.script, checksum);
    return [isSameText ? `${name} (only its line ends, LF or CRLF)` : name];
  });
  if (changed.length > 0) {
    return `changed after it was applied: ${changed.join(", ")}; restore migration.sql as it was and write a new migration for the change`;
  }
  const unfinished = history.filter((one) => one.isUnfinished).map(({ name }) => name);
  if (unfinished.length === 0) return undefined;
  return `started earlier and not finished: ${unfinished.join(", ")}; look at the database, then run \`prisma migrate resolve --rolled-back\` or \`--applied\` for it`;
}

/** Migrations of the database that the folder does not have. */
export function unknownTo(folder: Folder, history: History): string[] {
  const known = new Set(folder.map(({ name }) => name));
  return history.map(({ name }) => name).filter((name) => !known.has(name));
}
