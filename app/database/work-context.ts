import { AsyncLocalStorage } from "node:async_hooks";
import { RetryClock } from "./retry-clock.ts";

/** What the database layer knows about the piece of work that a statement belongs to. */
export interface WorkContext {
  /** Who asked, for logs: a route, a job. */
  readonly caller: string;
  /** Of the HTTP request that it is done for; undefined for jobs. */
  readonly requestId?: string | undefined;
  /** True where a write may be done twice without harm. */
  readonly isIdempotent: boolean;
  /** Shared by everything inside one withCaller. */
  readonly clock: RetryClock;
}

const contexts = new AsyncLocalStorage<WorkContext>();

/** Shown where work was started outside of withCaller. */
export const UNKNOWN_CALLER = "unknown";

/** The work that the current code belongs to; undefined outside of withCaller. */
export function currentWork(): WorkContext | undefined {
  return contexts.getStore();
}

/**
 * Names one piece of work, for example one request or one job: `withCaller("importProcessor", () => …)`. A connection
 * that is kept too long is logged under this name, and all repeated statements inside share one
 * DATABASE_RETRY_BUDGET. Give every job its own, not a whole loop of them. `requestId` stands in the log lines of the
 * work. @default that of the work around it
 */
export function withCaller<Result>(caller: string, work: () => Result, requestId?: string): Result {
  const around = currentWork();
  const isIdempotent = around?.isIdempotent ?? false;
  const id = requestId ?? around?.requestId;
  return contexts.run({ caller, requestId: id, isIdempotent, clock: new RetryClock() }, work);
}

/**
 * Declares that every write inside may be done twice with the same outcome (an upsert by key, an update to fixed
 * values, an insert that ignores duplicates). Then also a write whose connection broke, so that nobody knows whether it
 * was done, is repeated. Without this such a write fails. `work` must await its queries inside: Prisma starts a query
 * when it is awaited.
 */
export function idempotent<Result>(work: () => Promise<Result>): Promise<Result> {
  const around = currentWork() ?? { caller: UNKNOWN_CALLER, clock: new RetryClock() };
  return contexts.run({ ...around, isIdempotent: true }, async () => await work());
}
