import { z } from "zod";
import { instant, name, text } from "./fields.ts";

/** A transcript longer than this is refused; the stage IMPORT reads it as a whole. */
const MAX_TRANSCRIPT_CHARACTERS = 1_000_000;

const emptyAsNull = <Output>(schema: z.ZodType<Output, string>) =>
  z.union([z.literal("").transform(() => null), schema]);

/** One row of the file. The keys are the columns; `ended_at` and `transcript` may be empty or left out. */
const sessionRow = z
  .object({
    external_id: name,
    started_at: instant,
    ended_at: emptyAsNull(instant).default(null),
    transcript: emptyAsNull(text(1, MAX_TRANSCRIPT_CHARACTERS)).default(null),
  })
  .refine(({ started_at, ended_at }) => ended_at === null || ended_at >= started_at, {
    path: ["ended_at"],
    message: "must not be before started_at",
  });

export type SessionRow = z.infer<typeof sessionRow>;

export const REQUIRED_COLUMNS = ["external_id", "started_at"] as const;
export const COLUMNS = Object.keys(sessionRow.shape);

/** A row as it will be stored, or what is wrong with it. */
export type CheckedRow = { readonly row: SessionRow } | { readonly reason: string };

/** Checks the fields of one row, given under the names of their columns. */
export function checkRow(fields: Readonly<Record<string, string>>): CheckedRow {
  const checked = sessionRow.safeParse(fields);
  if (checked.success) return { row: checked.data };
  const problems = checked.error.issues.map((issue) => `${issue.path.join(".")}: ${deepestMessage(issue)}`);
  return { reason: problems.join("; ") };
}

/** What the decoder puts where bytes are not UTF-8. A text may also hold it as a character of its own. */
const REPLACEMENT = "\uFFFD";

/** True when bytes of the row may not have been UTF-8; only its bytes can tell. */
export const mayBeUndecodable = (fields: readonly string[]) =>
  fields.some((field) => field.includes(REPLACEMENT));

/** What is wrong with a row whose bytes are not UTF-8. */
export function undecodableReason(header: readonly string[], fields: readonly string[]): string {
  const columns = header.filter((_column, index) => fields[index]?.includes(REPLACEMENT));
  return columns.map((column) => `${column}: holds bytes that are not UTF-8`).join("; ");
}

/** Of a choice that fits nowhere, what the last alternative says: the first one is always "empty". */
function deepestMessage(issue: z.core.$ZodIssue): string {
  const inner = issue.code === "invalid_union" ? issue.errors.at(-1)?.[0] : undefined;
  return inner?.message ?? issue.message;
}

/** What is wrong with a file's first row as names of columns; null when nothing is. */
export function headerProblem(header: readonly string[]): string | null {
  const unknown = header.filter((column) => !COLUMNS.includes(column));
  const missing = REQUIRED_COLUMNS.filter((column) => !header.includes(column));
  if (unknown.length === 0 && missing.length === 0 && new Set(header).size === header.length) return null;
  const found = header.map((column) => JSON.stringify(column.slice(0, 64))).slice(0, 20);
  return (
    `the first line must name the columns external_id and started_at, and may name ended_at and transcript, each ` +
    `once and separated by commas; found: ${found.join(", ")}`
  );
}
