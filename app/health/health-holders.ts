import { POOL_APPLICATION_NAME } from "../database/database-pool.ts";
import type { Activity, LockWait, Session } from "./probe-activity.ts";

/** Connections that the pool gave away and did not get back in time. */
export interface LeakReport {
  readonly count: number;
  /** Of the oldest one; null where there is none. */
  readonly oldestSeconds: number | null;
  /** Who took it, as named by withCaller. */
  readonly oldestCaller: string | null;
}

/** Who holds connections for long, by how; the longest first. Never what they say. */
export interface Holders {
  readonly lockWaits: readonly LockWait[];
  readonly idleInTransaction: readonly Session[];
  /** Statements of the application's role. */
  readonly slowQueries: readonly Session[];
  /** Null where there is none. */
  readonly leaks: LeakReport | null;
}

/** Causes that are somebody's doing. */
export type HolderCause = "lock_wait" | "app_pool_leak" | "idle_in_transaction" | "slow_queries";

/** Shorter holds are everyday life and never shown. */
const HELD_SECONDS = 1;

/** Picks those out of all sessions that hold something for a second or longer. */
export function holdersOf(
  activity: Activity | null,
  leaks: LeakReport | null,
  applicationUser: string,
): Holders {
  const lockWaits = activity?.lockWaits.filter(({ waitedSeconds }) => waitedSeconds >= HELD_SECONDS) ?? [];
  const isLong = ({ seconds }: Session) => seconds >= HELD_SECONDS;
  const slowQueries =
    activity?.active.filter((session) => isLong(session) && session.user === applicationUser) ?? [];
  const isPooled = ({ user, applicationName }: Session) =>
    user === applicationUser && applicationName.startsWith(POOL_APPLICATION_NAME);
  // A connection whose statement runs or waits is slow, not leaked: that is said by the others.
  const atWork = [...slowQueries, ...lockWaits].filter(isPooled).length;
  const leaked = (leaks?.count ?? 0) - atWork;
  return {
    lockWaits,
    idleInTransaction: activity?.idleInTransaction.filter(isLong) ?? [],
    slowQueries,
    leaks: leaks === null || leaked <= 0 ? null : { ...leaks, count: leaked },
  };
}

/**
 * Those of the holders that take connections from the application: its own sessions, and sessions of others that keep its
 * own waiting. Who else idles or waits in the database has no connection of an exhausted pool.
 */
export function holdersAgainst(holders: Holders, applicationUser: string): Holders {
  const isOwn = ({ user }: Session) => user === applicationUser;
  const lockWaits = holders.lockWaits.filter(isOwn);
  const blockers = new Set(lockWaits.flatMap(({ blockedBy }) => blockedBy.map(({ pid }) => pid)));
  return {
    ...holders,
    lockWaits,
    idleInTransaction: holders.idleInTransaction.filter(
      (session) => isOwn(session) || blockers.has(session.pid),
    ),
  };
}

/**
 * The holder that explains why `busy` connections were not enough: the first kind, by weight, that has at least half of
 * them. Null where nobody stands out: then there is simply more work than connections.
 */
export function rootHolder(holders: Holders, busy: number): HolderCause | null {
  const counts: readonly (readonly [HolderCause, number])[] = [
    ["lock_wait", holders.lockWaits.length],
    ["app_pool_leak", holders.leaks?.count ?? 0],
    ["idle_in_transaction", holders.idleInTransaction.length],
    ["slow_queries", holders.slowQueries.length],
  ];
  return counts.find(([, count]) => count * 2 >= busy)?.[0] ?? null;
}

const who = ({ pid, applicationName, user }: Session) =>
  `pid ${pid} (${[applicationName || "no application name", user].filter(Boolean).join(", ")})`;

/** One sentence for each kind of holder, about the oldest of them. Call only where there is one. */
export const sentence: Readonly<Record<HolderCause, (holders: Holders) => string>> = {
  lock_wait({ lockWaits }) {
    const [first] = lockWaits;
    if (first === undefined) return "";
    const waiting = new Set(lockWaits.map(({ pid }) => pid));
    const blockers = [
      ...new Map(lockWaits.flatMap(({ blockedBy }) => blockedBy).map((b) => [b.pid, b])).values(),
    ];
    // The head of the queue: who blocks others and waits for nobody.
    const roots = blockers.filter(({ pid }) => !waiting.has(pid));
    const shown = (roots.length > 0 ? roots : blockers).slice(0, 3);
    const holding = shown.map((blocker) => `${who(blocker)}, ${blocker.state} for ${blocker.seconds} s`);
    return (
      `${sessions(lockWaits.length, "waits", "wait")} for a lock, ${who(first)} for ${first.waitedSeconds} s, ` +
      `blocked by ${holding.join(" and ") || "a session that has just ended"}.`
    );
  },
  app_pool_leak({ leaks }) {
    if (leaks === null) return "";
    const kept = leaks.count === 1 ? "1 pool connection is kept" : `${leaks.count} pool connections are kept`;
    return `${kept} without work, the oldest for ${leaks.oldestSeconds} s by ${leaks.oldestCaller}.`;
  },
  idle_in_transaction({ idleInTransaction }) {
    const [first] = idleInTransaction;
    if (first === undefined) return "";
    return (
      `${sessions(idleInTransaction.length, "sits", "sit")} idle in a transaction, ` +
      `the longest ${who(first)} for ${first.seconds} s.`
    );
  },
  slow_queries({ slowQueries }) {
    const [first] = slowQueries;
    if (first === undefined) return "";
    return (
      `${slowQueries.length} statement${slowQueries.length === 1 ? " has" : "s have"} run for a second or longer, ` +
      `the longest of ${who(first)} for ${first.seconds} s.`
    );
  },
};

function sessions(count: number, one: string, many: string): string {
  return count === 1 ? `1 session ${one}` : `${count} sessions ${many}`;
}
