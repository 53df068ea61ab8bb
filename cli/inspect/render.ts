import { oneLine } from "../doctor/text.ts";

export type Row = Readonly<Record<string, unknown>>;

/** Columns wide enough for their longest cell, numbers to the right; a line says so when there is no row. */
export function renderTable(columns: readonly string[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((texts) => texts[index]?.length ?? 0)),
  );
  const isNumber = columns.map((column) => rows.length > 0 && rows.every((row) => isNumeric(row[column])));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) =>
        isNumber[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(columns), ...cells.map(line), ...(rows.length === 0 ? ["(no rows)"] : [])].join("\n");
}

/** The columns of a table, in their order, as one object a row. */
export function pick(columns: readonly string[], row: Row): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
}

function isNumeric(value: unknown): boolean {
  return value === null || value === undefined || typeof value === "number";
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(",");
  return oneLine(String(value), 100);
}
