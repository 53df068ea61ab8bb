import { isUtf8 } from "node:buffer";
import { type CsvError, type Parser, parse } from "csv-parse";
import { LineCounter } from "./line-counter.ts";
import { RecentBytes } from "./recent-bytes.ts";
import {
  type CheckedRow,
  checkRow,
  headerProblem,
  mayBeUndecodable,
  type SessionRow,
  undecodableReason,
} from "./session-row.ts";

/** Why a file as a whole cannot be taken (further). */
export class SessionFileError extends Error {
  readonly code: "invalid_header" | "empty_file" | "row_too_large" | "unclosed_quote" | "too_many_rows";

  constructor(code: SessionFileError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** A row that was not taken. */
export interface Rejection {
  /** Line of the file, from 1, on which the row begins; with a misplaced quote, that of the field. */
  readonly line: number;
  readonly reason: string;
}

/** Longest row in bytes, blank lines before it included. What is longer is in all likelihood a quote that is never closed. */
const MAX_ROW_BYTES = 4 * 1024 * 1024;
/** How many rejections an import names; all of them are counted. */
export const MAX_REJECTIONS = 200;

/** What the parser's own complaints mean for people. */
const REASONS: Partial<Record<CsvError["code"], string>> = {
  CSV_INVALID_CLOSING_QUOTE: 'a quote inside a quoted field must be doubled ("")',
  INVALID_OPENING_QUOTE: "a field that contains a quote must be quoted as a whole",
};

/**
 * Reads a CSV file (RFC 4180: commas, double quotes, LF or CRLF, optional BOM) of sessions piece by piece. Good rows
 * wait in `takeRows()`, bad ones are counted and the first ones named. Memory is bounded by one piece and one row.
 */
export class SessionFile {
  readonly #parser: Parser;
  readonly #lines = new LineCounter();
  readonly #bytes = new RecentBytes();
  /** Where the row begins that is read next; blank lines may stand before it. */
  #rowBegin = 0;
  readonly #maxRows: number;
  #header: readonly string[] | null = null;
  #rows: SessionRow[] = [];
  #accepted = 0;
  #rejected = 0;
  /** By line: no line is named twice. */
  readonly #rejections = new Map<number, Rejection>();
  #lastRejectedLine = 0;
  /** Blank lines up to the row that was looked at last. */
  #blankLines = 0;

  /** More than `maxRows` rows, good and bad, end the file with too_many_rows. */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
    this.#parser = parse({
      bom: true,
      record_delimiter: ["\r\n", "\n"],
      skip_empty_lines: true,
      max_record_size: MAX_ROW_BYTES,
      skip_records_with_error: true,
      on_record: (fields: string[], { bytes, empty_lines }) => {
        this.#blankLines = empty_lines;
        this.#checkLength(bytes);
        this.#take(fields, bytes);
        this.#rowBegin = bytes;
        // Rows do not pile up in the parser's own buffer.
        return null;
      },
      on_skip: (error) => {
        this.#checkLength(this.#parser.info.bytes);
        if (error !== undefined) this.#skip(error);
        // A complaint about a field comes in the middle of its row: the blank lines before it still count for the next one.
        if (Array.isArray(error?.record)) this.#blankLines = this.#parser.info.empty_lines;
        this.#rowBegin = this.#parser.info.bytes;
        return undefined;
      },
    });
    // An error also reaches whoever waits for the write that caused it.
    this.#parser.on("error", () => {});
  }

  get rejected(): number {
    return this.#rejected;
  }

  /** The first rejections, at most MAX_REJECTIONS. */
  get rejections(): readonly Rejection[] {
    return [...this.#rejections.values()];
  }

  /** The good rows since the last call. */
  takeRows(): SessionRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** Reads one more piece. Rejects with SessionFileError when nothing behind it can be read; the rows before stay. */
  async write(piece: Uint8Array): Promise<void> {
    this.#lines.add(piece, this.#parser.info.bytes);
    this.#bytes.add(piece, this.#rowBegin);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#parser.write(piece, (error) => (error ? reject(error) : resolve()));
    await promise;
    // The parser says nothing of blank lines, and does not count them as part of a row.
    this.#checkLength(this.#bytes.end);
  }

  /** Says that the file is at its end. Rejects like `write`. */
  async end(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#parser.once("end", resolve).once("error", reject).resume().end();
    await promise;
    if (this.#header === null) {
      throw new SessionFileError("empty_file", "the file is empty; its first line must name the columns");
    }
  }

  /** Called by the parser for each row. */
  #take(fields: string[], endOffset: number): void {
    if (this.#header === null) {
      const header = fields.map((field) => field.trim());
      const problem = headerProblem(header);
      if (problem !== null) throw new SessionFileError("invalid_header", problem);
      this.#header = header;
      return;
    }
    const checked = this.#check(this.#header, fields, endOffset);
    if ("reason" in checked) this.#reject(this.#beginOf(fields, endOffset), checked.reason);
    else {
      this.#rows.push(checked.row);
      this.#accepted += 1;
    }
    this.#checkCount();
  }

  #check(header: readonly string[], fields: readonly string[], endOffset: number): CheckedRow {
    if (mayBeUndecodable(fields) && !isUtf8(this.#bytes.between(this.#rowBegin, endOffset))) {
      return { reason: undecodableReason(header, fields) };
    }
    return checkRow(Object.fromEntries(header.map((column, index) => [column, fields[index] ?? ""])));
  }

  /** Called by the parser for what is no row of the file's shape. Throwing ends the file. */
  #skip(error: CsvError): void {
    const offset = Number(error.bytes);
    if (error.code === "CSV_MAX_RECORD_SIZE") throw this.#tooLarge();
    if (error.code === "CSV_QUOTE_NOT_CLOSED") {
      throw new SessionFileError(
        "unclosed_quote",
        `the file ends inside a quoted field that begins on line ${this.#lines.lineAt(offset)}; was it cut off?`,
      );
    }
    const { record } = error;
    if (Array.isArray(record)) {
      const expected = this.#header?.length ?? 0;
      this.#reject(
        this.#beginOf(record, offset),
        `has ${record.length} fields; the first line names ${expected}`,
      );
    } else {
      // `offset` is where the field begins, but for the first one of a row it is where the row before ended.
      const blankLines = error.index === 0 ? this.#parser.info.empty_lines - this.#blankLines : 0;
      this.#reject(this.#lines.lineAt(offset) + blankLines, REASONS[error.code] ?? error.message);
    }
    this.#checkCount();
  }

  /** The line on which a row begins that ends before `endOffset`: its last line, less the line ends in its fields. */
  #beginOf(fields: readonly unknown[], endOffset: number): number {
    const within = fields.reduce<number>((sum, field) => sum + String(field).split("\n").length - 1, 0);
    return this.#lines.lineAt(endOffset - 1) - within;
  }

  /** Counts one row, also when the parser has several complaints about it. */
  #reject(line: number, reason: string): void {
    if (line === this.#lastRejectedLine || this.#rejections.has(line)) return;
    this.#lastRejectedLine = line;
    this.#rejected += 1;
    if (this.#rejections.size < MAX_REJECTIONS) this.#rejections.set(line, { line, reason });
  }

  /** Whatever lies between two ends of rows is kept until the second one, so it must not be more than one row may have. */
  #checkLength(offset: number): void {
    if (offset - this.#rowBegin > MAX_ROW_BYTES) throw this.#tooLarge();
  }

  #tooLarge(): SessionFileError {
    const line = this.#lines.lineAt(this.#rowBegin);
    return new SessionFileError(
      "row_too_large",
      `no row ends within ${MAX_ROW_BYTES} bytes from line ${line} on; is a quote never closed?`,
    );
  }

  #checkCount(): void {
    if (this.#accepted + this.#rejected > this.#maxRows) {
      throw new SessionFileError("too_many_rows", `the file has more than ${this.#maxRows} rows; split it`);
    }
  }
}
