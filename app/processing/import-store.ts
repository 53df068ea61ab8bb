import { prisma } from "../database/prisma.ts";
import { inTransaction } from "../database/transaction.ts";
import { idempotent } from "../database/work-context.ts";
import { Prisma } from "../generated/prisma/client.ts";
import type { ImportStatus } from "../generated/prisma/enums.ts";
import { companyIdOf } from "./company.ts";
import type { Rejection } from "./session-file.ts";
import type { SessionRow } from "./session-row.ts";
import { STAGES } from "./stage-machine.ts";

/** How an import ended. */
export interface ImportEnd {
  readonly status: Extract<ImportStatus, "COMPLETED" | "FAILED">;
  readonly error: string | null;
  readonly sha256: string | null;
  readonly rejected: number;
  readonly rejections: readonly Rejection[];
}

const leaseUntil = (leaseSeconds: number) => Prisma.sql`now() + make_interval(secs => ${leaseSeconds})`;

/** Makes a running import, and the company where it is new. Returns its id. */
export function beginImport(company: string, fileName: string, leaseSeconds: number): Promise<string> {
  return inTransaction(async (transaction) => {
    const companyId = await companyIdOf(transaction, company);
    const [made] = await transaction.$queryRaw<{ id: string }[]>`
      INSERT INTO imports (id, company_id, file_name, status, lease_until)
      VALUES (uuidv7(), ${companyId}::uuid, ${fileName}, 'RUNNING', ${leaseUntil(leaseSeconds)}) RETURNING id`;
    if (made === undefined) throw new Error("the import was not made");
    return made.id;
  });
}

/**
 * Adds sessions, each with its first stage, and counts them in the import: one statement, so all of it happens or
 * nothing, and no connection is held between batches. Sessions that are there already are counted as duplicates.
 * False when the import no longer runs, because somebody took this process for dead; then nothing was added.
 */
export async function addSessions(
  importId: string,
  rows: readonly SessionRow[],
  leaseSeconds: number,
): Promise<boolean> {
  // Everybody inserts in the same order, so that two imports of the same sessions wait for each other but never in a
  // circle.
  const sorted = rows.toSorted((a, b) => (a.external_id < b.external_id ? -1 : 1));
  const updated = await prisma.$executeRaw`
    WITH import AS MATERIALIZED (
      SELECT id, company_id FROM imports WHERE id = ${importId}::uuid AND status = 'RUNNING' FOR NO KEY UPDATE
    ), added AS (
      INSERT INTO chat_sessions (id, company_id, import_id, external_id, started_at, ended_at, transcript)
      SELECT uuidv7(), import.company_id, import.id, row.external_id, row.started_at, row.ended_at, row.transcript
        FROM import, unnest(
          ${sorted.map((row) => row.external_id)}::text[],
          ${sorted.map((row) => row.started_at)}::timestamptz[],
          ${sorted.map((row) => row.ended_at)}::timestamptz[],
          ${sorted.map((row) => row.transcript)}::text[]
        ) AS row (external_id, started_at, ended_at, transcript)
      ON CONFLICT (company_id, external_id) DO NOTHING
      RETURNING id
    ), staged AS (
      INSERT INTO session_stages (session_id, stage, available_at, updated_at)
      SELECT id, ${STAGES[0]}::processing_stage, now(), now() FROM added
    )
    UPDATE imports
       SET rows_accepted = rows_accepted + (SELECT count(*) FROM added),
           rows_duplicate = rows_duplicate + ${rows.length}::integer - (SELECT count(*) FROM added),
           lease_until = ${leaseUntil(leaseSeconds)}
     WHERE id IN (SELECT id FROM import)`;
  return updated === 1;
}

/** Says that the process still works on the import, and how many rows it has refused so far. */
export async function renewImport(importId: string, rejected: number, leaseSeconds: number): Promise<void> {
  await idempotent(
    () => prisma.$executeRaw`
      UPDATE imports SET lease_until = ${leaseUntil(leaseSeconds)}, rows_rejected = ${rejected}
       WHERE id = ${importId}::uuid AND status = 'RUNNING'`,
  );
}

/**
 * Writes down how the import ended and which rows it refused, unless it has ended already: so it may be done twice, and
 * is, where nobody knows whether the first time was kept.
 */
export function endImport(importId: string, end: ImportEnd): Promise<void> {
  const { status, error, sha256, rejected } = end;
  const write = async (transaction: Prisma.TransactionClient) => {
    const { count } = await transaction.import.updateMany({
      where: { id: importId, status: "RUNNING" },
      data: { status, error, sha256, rowsRejected: rejected, leaseUntil: null, finishedAt: new Date() },
    });
    if (count === 0) return;
    await transaction.importRejection.createMany({
      data: end.rejections.map(({ line, reason }) => ({ importId, line, reason })),
      // However the list came about: it never keeps an import from ending.
      skipDuplicates: true,
    });
  };
  return idempotent(() => inTransaction(write));
}

/** Ends the imports whose process has given no sign of life for a whole lease. Returns how many it found. */
export function failAbandonedImports(): Promise<number> {
  return idempotent(
    () => prisma.$executeRaw`
      UPDATE imports SET status = 'FAILED', finished_at = now(), lease_until = NULL,
             error = 'the process that read the file is gone; send the file again, what is here is not added twice'
       WHERE status = 'RUNNING' AND lease_until < now()`,
  );
}

/** An import with its counts and refused rows. Rejects with Prisma's "not found" when there is none of this id. */
export async function readImport(id: string) {
  const found = await prisma.import.findUniqueOrThrow({
    where: { id },
    include: {
      company: { select: { name: true } },
      rejections: { select: { line: true, reason: true }, orderBy: { line: "asc" } },
    },
  });
  const { fileName, status, error, sha256, rejections, createdAt, finishedAt } = found;
  return {
    id,
    company: found.company.name,
    fileName,
    status,
    error,
    sha256,
    rows: { accepted: found.rowsAccepted, duplicate: found.rowsDuplicate, rejected: found.rowsRejected },
    rejections,
    createdAt,
    finishedAt,
  };
}

export type ImportReport = Awaited<ReturnType<typeof readImport>>;
