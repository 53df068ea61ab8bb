import { allowedText, type Problem } from "../../pgbouncer/values.ts";
import { shown } from "../problem-text.ts";
import { unknownKey } from "../unknown-key.ts";

/** `poolkit:budget`: what the kit cannot know about a stack, and what to do when the path does not fit. */
export interface BudgetOptions {
  /** `refuse` stops the preview; `warn` only says so (for experiments: such a stack fails under load). @default refuse */
  readonly check: "refuse" | "warn";
  /** Clients besides the kit's own that use PgBouncer as the application's role: tools, workers. @default 0 */
  readonly otherClients: number;
  /** Connections past PgBouncer besides the kit's own (its exporter is counted): backups, tunnels. @default 0 */
  readonly otherConnections: number;
  /**
   * Copies of the application that run elsewhere, each with a pool of `connectionLimit` (and probes, for the reference
   * application). @default 0
   */
  readonly otherReplicas: number;
  /** Sets of those copies during a roll-out: 2 = the new ones start before the old ones have ended. @default 2 */
  readonly surge: number;
  /** Memory of the engine's machine in MiB. Given, the limits of all containers of the stack must fit in it. */
  readonly hostMegabytes: number | undefined;
  /**
   * How long a caller (a proxy) waits for an answer, in seconds. Given, the longest request is proved to end before.
   */
  readonly requestSeconds: number | undefined;
  /** Processor cores of the database server. Advice only. @default 2 for dev, 4 for prod, 8 for high-load */
  readonly databaseCores: number;
  /**
   * How long a transaction holds a server connection, in milliseconds. Given, the wait in PgBouncer's queue is proved
   * (refused when it does not fit); left out, 50 ms are assumed and the result is advice.
   */
  readonly transactionMilliseconds: number | undefined;
}

/** What is assumed of a transaction that nobody described. */
export const assumedTransactionMilliseconds = 50;

interface Range {
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

/** Numbers of `poolkit:budget` with what they may be. */
export const optionRanges: Readonly<Record<string, Range>> = {
  otherClients: { min: 0, max: 10_000, unit: "clients" },
  otherConnections: { min: 0, max: 1_000, unit: "connections" },
  otherReplicas: { min: 0, max: 1_000, unit: "replicas" },
  surge: { min: 1, max: 2, unit: "sets of replicas" },
  hostMegabytes: { min: 1, max: 16_777_216, unit: "MiB" },
  requestSeconds: { min: 1, max: 3_600, unit: "seconds" },
  databaseCores: { min: 1, max: 1_024, unit: "cores" },
  transactionMilliseconds: { min: 1, max: 3_600_000, unit: "ms" },
};

const optionNames = ["check", ...Object.keys(optionRanges)];

/** Reads `poolkit:budget`. Refused values are reported and the default stays in their place. */
export function readBudgetOptions(
  user: Readonly<Record<string, unknown>>,
  defaultCores: number,
): { readonly options: BudgetOptions; readonly problems: Problem[] } {
  const problems: Problem[] = [];
  const numbers: Record<string, number> = {};
  let check: BudgetOptions["check"] = "refuse";
  for (const [name, value] of Object.entries(user)) {
    const path = `poolkit:budget.${name}`;
    const range = Object.hasOwn(optionRanges, name) ? optionRanges[name] : undefined;
    if (name === "check" && (value === "refuse" || value === "warn")) check = value;
    else if (name === "check") problems.push(refused(path, value, "refuse, warn", "refuse"));
    else if (range === undefined) problems.push(unknownKey(path, name, optionNames));
    else if (fits(range, value)) numbers[name] = value;
    else {
      problems.push(refused(path, value, allowedText({ type: "integer", ...range }), String(range.min)));
    }
  }
  const options = {
    check,
    otherClients: numbers.otherClients ?? 0,
    otherConnections: numbers.otherConnections ?? 0,
    otherReplicas: numbers.otherReplicas ?? 0,
    surge: numbers.surge ?? 2,
    hostMegabytes: numbers.hostMegabytes,
    requestSeconds: numbers.requestSeconds,
    databaseCores: numbers.databaseCores ?? defaultCores,
    transactionMilliseconds: numbers.transactionMilliseconds,
  };
  return { options, problems };
}

function fits({ min, max }: Range, value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function refused(path: string, value: unknown, allowed: string, example: string): Problem {
  return { path, found: shown(value), allowed, fix: `pulumi config set --path ${path} ${example}` };
}
