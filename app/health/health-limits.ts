/** Limits in force for sessions of the application's role, in seconds; 0 means that there is none. */
export interface RoleLimits {
  readonly statementTimeoutSeconds: number;
  readonly lockTimeoutSeconds: number;
  readonly idleInTransactionTimeoutSeconds: number;
}

/** From when on health speaks of a wait or a holder, in seconds. */
export interface Thresholds {
  readonly slowStatement: number;
  readonly lockWait: number;
  readonly idleInTransaction: number;
  readonly acquireWait: number;
  readonly pgbouncerWait: number;
}

/** Shorter than this is everyday life under load. */
const MIN_SECONDS = 1;
/** Longer, and a cause would not be named within 5 s of its begin. */
const MAX_SECONDS = 3;

/**
 * A quarter of the limit at which the thing is cut off: early enough to act, late enough to be no everyday event.
 * Without a limit (0, or not seen yet) nothing cuts it off, so the longest threshold holds.
 */
function early(limitSeconds: number | undefined): number {
  if (limitSeconds === undefined || limitSeconds === 0) return MAX_SECONDS;
  return Math.min(Math.max(limitSeconds / 4, MIN_SECONDS), MAX_SECONDS);
}

/** Derives the thresholds from the limits in force. */
export function thresholdsOf(
  role: RoleLimits | null,
  acquireTimeoutSeconds: number,
  queryWaitTimeoutSeconds: number | undefined,
): Thresholds {
  return {
    slowStatement: early(role?.statementTimeoutSeconds),
    lockWait: early(role?.lockTimeoutSeconds),
    idleInTransaction: early(role?.idleInTransactionTimeoutSeconds),
    acquireWait: early(acquireTimeoutSeconds),
    pgbouncerWait: early(queryWaitTimeoutSeconds),
  };
}
