import type { FailureKind } from "./database-failure.ts";
import { Histogram, type HistogramSnapshot } from "./histogram.ts";

/** Upper bounds in seconds: OpenTelemetry's for db.client.operation.duration, and 30, the longest acquire timeout. */
const OPERATION_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** What a statement begins with; a short list, because each has series of its own. */
const STATEMENTS = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK"] as const;
export type OperationName = (typeof STATEMENTS)[number] | "OTHER";

/** The operation of a statement's text. */
export function operationOf(sql: string): OperationName {
  const word = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase();
  return STATEMENTS.find((name) => name === word) ?? "OTHER";
}

/** How long one kind of operation took, with one kind of end. */
export interface OperationTime {
  readonly operation: OperationName;
  /** Null for those that succeeded. */
  readonly failure: FailureKind | null;
  readonly seconds: HistogramSnapshot;
}

/** Durations of operations by what they were and how they failed, since the process started. */
export class OperationTimes {
  readonly #succeeded = new Map<OperationName, Histogram>();
  readonly #failed = new Map<FailureKind, Map<OperationName, Histogram>>();

  observe(operation: OperationName, failure: FailureKind | null, seconds: number): void {
    histogramIn(failure === null ? this.#succeeded : this.#failedBy(failure), operation).observe(seconds);
  }

  snapshot(): OperationTime[] {
    return [[null, this.#succeeded] as const, ...this.#failed].flatMap(([failure, operations]) =>
      [...operations].map(([operation, histogram]) => ({
        operation,
        failure,
        seconds: histogram.snapshot(),
      })),
    );
  }

  #failedBy(failure: FailureKind): Map<OperationName, Histogram> {
    const operations = this.#failed.get(failure) ?? new Map<OperationName, Histogram>();
    this.#failed.set(failure, operations);
    return operations;
  }
}

function histogramIn(operations: Map<OperationName, Histogram>, operation: OperationName): Histogram {
  const known = operations.get(operation);
  if (known !== undefined) return known;
  const histogram = new Histogram(OPERATION_BOUNDS);
  operations.set(operation, histogram);
  return histogram;
}
