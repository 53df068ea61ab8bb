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

/**
 * One look of --watch. On a terminal each takes the place of the one before, in lines that fit: wrapped ones would push
 * the screen up at every look. In a file they follow each other, whole. @param width of the terminal in characters, 0
 * where it does not know; undefined: there is none
 */
export function renderLook(at: Date, table: string, width: number | undefined): string {
  const stamped = `${at.toISOString()}\n${table}\n`;
  if (width === undefined) return `${stamped}\n`;
  return `\x1b[H\x1b[2J${width === 0 ? stamped : cutLines(stamped, width)}`;
}

function cutLines(text: string, width: number): string {
  const cut = (line: string) => (line.length > width ? `${line.slice(0, width - 1)}…` : line);
  return text.split("\n").map(cut).join("\n");
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
