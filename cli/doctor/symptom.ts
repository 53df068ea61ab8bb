export type Severity = "fail" | "warn";

/** One sign of a cause. */
export interface Symptom {
  /** A name of `causes`, or one that only the application's health knows. */
  readonly cause: string;
  readonly severity: Severity;
  /** What was seen, with its numbers; never a password or a statement of others. */
  readonly evidence: string;
  /** More exact than the cause's own command, e.g. with the process id. */
  readonly command?: string;
  /** The application's own advice, which knows its settings and their sources. */
  readonly advice?: string;
}
