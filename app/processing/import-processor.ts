import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { classifyFailure, type FailureKind } from "../database/database-failure.ts";
import { withCaller } from "../database/work-context.ts";
import {
  addSessions,
  beginImport,
  endImport,
  failAbandonedImports,
  type ImportEnd,
  type ImportReport,
  readImport,
  renewImport,
} from "./import-store.ts";
import { SessionFile, SessionFileError } from "./session-file.ts";
import type { SessionRow } from "./session-row.ts";
import { workCounts } from "./work-counts.ts";

/** A file on its way in. */
export interface ImportRequest {
  /** Name of the company whose sessions these are; made where it is new. */
  readonly company: string;
  readonly fileName: string;
  /** The bytes of the file. Read piece by piece, never faster than the database takes the rows; not destroyed. */
  readonly source: Readable;
  /** Rows, good and bad, that one file may have. @default 10,000,000 */
  readonly maxRows?: number;
  /** After so many seconds without a sign of life another process declares the import dead. @default 30 */
  readonly leaseSeconds?: number;
  /** An import that has waited so many seconds for the next byte ends. @default 60 */
  readonly idleSeconds?: number;
}

/** How an import ended, and whose doing a failure is. */
export type ImportOutcome =
  | { readonly kind: "completed"; readonly report: ImportReport }
  /** The file cannot be taken as it is. */
  | { readonly kind: "refused"; readonly code: SessionFileError["code"]; readonly report: ImportReport }
  /** The sender went away or fell silent, the process stops, or somebody took it for dead. */
  | { readonly kind: "interrupted"; readonly report: ImportReport };

/** Rows of one statement: larger ones gain little and hold locks for longer. */
const BATCH_ROWS = 1000;
/** Characters of one statement. Prisma keeps the parameters of its last dozens of statements: memory is a multiple of this. */
const BATCH_CHARACTERS = 256 * 1024;
const DEFAULT_MAX_ROWS = 10_000_000;
const DEFAULT_LEASE_SECONDS = 30;
const DEFAULT_IDLE_SECONDS = 60;
/** Between two tries to say that the database was away. */
const BROKEN_PAUSE_MS = 1000;

const STOPPED = "the application stopped; send the file again, what is here is not added twice";
const ABORTED = "the upload ended before the file did; send the file again, what is here is not added twice";
const silent = (seconds: number) =>
  `nothing came from the sender for ${seconds} s; send the file again, what is here is not added twice`;
const broken = (kind: FailureKind) =>
  kind === "other"
    ? "the import failed, the log has the reason; what is here is not added twice"
    : `the database could not be used (${kind}); send the file again, what is here is not added twice`;
const TAKEN = "this process gave no sign of life for a whole lease and was taken for dead";

/** The import ends early, and that is nobody's mistake in the file. */
class Interruption extends Error {}

const running = new Set<AbortController>();

/** Reads files of sessions into the database. */
export const importProcessor = {
  /** Imports under way in this process. */
  get running(): number {
    return running.size;
  },

  /**
   * Reads one file to its end. Rows that were good stay whatever happens later; each is there once, however often the
   * file is sent. Resolves with how the import ended, which is also in the database by then; rejects when the
   * database cannot be used.
   */
  async run(request: ImportRequest): Promise<ImportOutcome> {
    try {
      const outcome = await runImport(request);
      workCounts.countImport(outcome.kind, outcome.report);
      return outcome;
    } catch (error) {
      workCounts.imports.error += 1;
      throw error;
    }
  },

  /** Ends all imports of this process as interrupted; each still writes down what it has read. */
  stop(): void {
    for (const stop of running) stop.abort();
  },

  failAbandoned: failAbandonedImports,
};

/** One step of an import: each has a retry budget of its own, because an import may take an hour. */
const asImport = <Result>(step: () => Promise<Result>) => withCaller("importProcessor", step);

async function runImport(request: ImportRequest): Promise<ImportOutcome> {
  const { company, fileName, source } = request;
  const { maxRows = DEFAULT_MAX_ROWS, leaseSeconds = DEFAULT_LEASE_SECONDS } = request;
  const { idleSeconds = DEFAULT_IDLE_SECONDS } = request;
  const stop = new AbortController();
  // Before anything is waited for: imports that begin together must see each other, and a stop must see them all.
  running.add(stop);
  try {
    const id = await beginImport(company, fileName, leaseSeconds);
    const file = new SessionFile(maxRows);
    const renewal = setInterval(
      // A renewal that fails is not the end: the next batch shows whether the database is there.
      () => void asImport(() => renewImport(id, file.rejected, leaseSeconds)).catch(() => {}),
      (leaseSeconds * 1000) / 3,
    );
    try {
      const writer = new BatchWriter(id, leaseSeconds);
      const read = await readInto(file, pieces(source, stop.signal, idleSeconds), writer);
      return await endAsRead(id, file, read);
    } catch (error) {
      void endAsBroken(id, file, error, leaseSeconds);
      throw error;
    } finally {
      clearInterval(renewal);
    }
  } finally {
    running.delete(stop);
  }
}

async function endAsRead(
  id: string,
  { rejected, rejections }: SessionFile,
  { problem, sha256 }: ReadResult,
): Promise<ImportOutcome> {
  const status: ImportEnd["status"] = problem === null ? "COMPLETED" : "FAILED";
  const error = problem?.message ?? null;
  await asImport(() => endImport(id, { status, error, sha256, rejected, rejections }));
  const report = await readImport(id);
  if (problem instanceof SessionFileError) return { kind: "refused", code: problem.code, report };
  // Taken for dead behind its last row: nothing but the database knows that it did not end as read.
  return { kind: report.status === "COMPLETED" ? "completed" : "interrupted", report };
}

/**
 * Writes down why an import ends that the database has failed, as soon as it is back; after a lease whoever finds the
 * import may do it. Never rejects, and nobody waits for it: the sender has waited for a whole retry budget already.
 */
async function endAsBroken(
  id: string,
  { rejected, rejections }: SessionFile,
  cause: unknown,
  leaseSeconds: number,
): Promise<void> {
  const error = broken(classifyFailure(cause));
  const end: ImportEnd = { status: "FAILED", error, sha256: null, rejected, rejections };
  const isWritten = () =>
    asImport(() => endImport(id, end)).then(
      () => true,
      () => false,
    );
  const giveUpAt = performance.now() + leaseSeconds * 1000;
  while (performance.now() < giveUpAt && !(await isWritten())) {
    await sleep(BROKEN_PAUSE_MS, undefined, { ref: false });
  }
}

interface ReadResult {
  /** Why reading ended before the file did; null when it was read to its end. */
  readonly problem: SessionFileError | Interruption | null;
  readonly sha256: string | null;
}

/** Reads `source` to its end or to what ends it early. All good rows up to there are written when this resolves. */
async function readInto(
  file: SessionFile,
  source: AsyncIterable<Uint8Array>,
  writer: BatchWriter,
): Promise<ReadResult> {
  const hash = createHash("sha256");
  let problem: ReadResult["problem"] = null;
  try {
    for await (const piece of source) {
      hash.update(piece);
      await file.write(piece).finally(() => writer.add(file.takeRows()));
      await writer.writeFull();
    }
    await file.end().finally(() => writer.add(file.takeRows()));
  } catch (error) {
    if (!(error instanceof SessionFileError || error instanceof Interruption)) throw error;
    problem = error;
  }
  await writer.writeAll();
  if (writer.isTaken) problem ??= new Interruption(TAKEN);
  return { problem, sha256: problem === null ? hash.digest("hex") : null };
}

/** The pieces of `source`. Ends with an Interruption when it breaks off, gives nothing for a while, or `signal` comes. */
async function* pieces(
  source: Readable,
  signal: AbortSignal,
  idleSeconds: number,
): AsyncGenerator<Uint8Array> {
  // Not destroyed at an early end: whoever sends the file still has to get the answer.
  const iterator: AsyncIterator<Uint8Array | string> = source.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await inTime(iterator.next(), signal, idleSeconds).catch((error: unknown) => {
        throw error instanceof Interruption ? error : new Interruption(ABORTED);
      });
      if (next.done === true) return;
      yield typeof next.value === "string" ? Buffer.from(next.value) : next.value;
    }
  } finally {
    // Else it listens on, and what is left of the stream does not flow for whoever discards it. At a stop it has not
    // answered yet, so nobody waits.
    iterator.return?.().catch(() => {});
  }
}

/**
 * What `next` gives, or an Interruption as soon as `signal` comes or `seconds` have passed. Leaves nothing behind on the
 * signal: a long file has many pieces.
 */
async function inTime<T>(next: Promise<T>, signal: AbortSignal, seconds: number): Promise<T> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(new Interruption(STOPPED));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(() => reject(new Interruption(silent(seconds))), seconds * 1000);
  try {
    return await Promise.race([interrupted, next]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Gathers rows and writes them in batches, one at a time, while the next ones are being read. */
class BatchWriter {
  readonly #importId: string;
  readonly #leaseSeconds: number;
  #rows: SessionRow[] = [];
  #characters = 0;
  #writing: Promise<void> = Promise.resolve();
  #isTaken = false;

  constructor(importId: string, leaseSeconds: number) {
    this.#importId = importId;
    this.#leaseSeconds = leaseSeconds;
  }

  /** The import was declared dead: nothing can be added any more. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  add(rows: readonly SessionRow[]): void {
    for (const row of rows) {
      this.#rows.push(row);
      this.#characters += row.external_id.length + (row.transcript?.length ?? 0);
    }
  }

  /** Begins to write when enough has gathered, and waits for the batch before: that is what slows the sender down. */
  async writeFull(): Promise<void> {
    if (this.#rows.length >= BATCH_ROWS || this.#characters >= BATCH_CHARACTERS) await this.#writeNext();
    if (this.#isTaken) throw new Interruption(TAKEN);
  }

  /** Writes what is left and waits for it. */
  async writeAll(): Promise<void> {
    if (this.#rows.length > 0) await this.#writeNext();
    await this.#writing;
  }

  async #writeNext(): Promise<void> {
    await this.#writing;
    const rows = this.#rows;
    this.#rows = [];
    this.#characters = 0;
    this.#writing = this.#write(rows);
    // Whoever waits next gets the error; without this it would count as unhandled until then.
    this.#writing.catch(() => {});
  }

  async #write(rows: readonly SessionRow[]): Promise<void> {
    const isOurs = await asImport(() => addSessions(this.#importId, rows, this.#leaseSeconds));
    this.#isTaken ||= !isOurs;
  }
}
