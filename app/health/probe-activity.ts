/** A session of Postgres as health shows it: who and for how long, never what it says. */
export interface Session {
  readonly pid: number;
  readonly user: string;
  readonly applicationName: string;
  readonly state: string;
  /** How long it has been in this state; for "active", how long its statement has run. */
  readonly seconds: number;
}

/** A session that waits for a lock, with those that it waits for. */
export interface LockWait extends Session {
  /** How long it has waited, in seconds. */
  readonly waitedSeconds: number;
  readonly blockedBy: readonly Session[];
}

/** Sessions that hold connections, the longest first. A waiting session is in `lockWaits` alone. */
export interface Activity {
  /** Client connections by state. */
  readonly byState: Readonly<Record<string, number>>;
  readonly lockWaits: readonly LockWait[];
  readonly idleInTransaction: readonly Session[];
  readonly active: readonly Session[];
}

/** What the query gives for one session. */
export interface ActivityRow {
  readonly pid: number;
  readonly user: string | null;
  readonly application: string | null;
  readonly state: string | null;
  readonly is_client: boolean;
  /** Whether the session is in the probe's own database; other databases have other applications. */
  readonly is_here: boolean;
  readonly seconds: number | null;
  readonly waited_seconds: number | null;
  readonly blocked_by: readonly number[] | null;
}

/**
 * One look at all sessions but the own. Locks are looked at for waiting sessions only, because pg_blocking_pids stops
 * the lock manager for a moment. `waitstart` is null for the first moment of a wait.
 */
export const ACTIVITY_SQL = `
SELECT a.pid, a.usename::text AS user, a.application_name AS application, a.state,
  a.backend_type = 'client backend' AS is_client,
  a.datname IS NOT DISTINCT FROM current_database() AS is_here,
  extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END)::float8
    AS seconds,
  CASE WHEN a.wait_event_type = 'Lock' THEN
    coalesce((SELECT extract(epoch FROM clock_timestamp() - min(l.waitstart))
      FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted), 0)::float8 END AS waited_seconds,
  CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) END AS blocked_by
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid()`;

const tenths = (seconds: number | null) => Math.round(Math.max(seconds ?? 0, 0) * 10) / 10;

/** Sorts the rows of ACTIVITY_SQL into what health asks for. Sessions named `ownName` are health's own. */
export function activityOf(rows: readonly ActivityRow[], ownName: string): Activity {
  const clients = rows.filter((row) => row.is_client);
  const byState: Record<string, number> = {};
  for (const { state } of clients) byState[state ?? "unknown"] = (byState[state ?? "unknown"] ?? 0) + 1;

  const byPid = new Map(rows.map((row) => [row.pid, session(row)]));
  const here = clients.filter((row) => row.is_here && row.application !== ownName);
  const isWaiting = (row: ActivityRow) => row.waited_seconds !== null;
  return {
    byState,
    lockWaits: here
      .filter(isWaiting)
      .map((row) => ({
        ...session(row),
        waitedSeconds: tenths(row.waited_seconds),
        blockedBy: [...new Set(row.blocked_by)].map((pid) => byPid.get(pid) ?? gone(pid)),
      }))
      .sort((a, b) => b.waitedSeconds - a.waitedSeconds),
    idleInTransaction: sessions(here, (row) => row.state?.startsWith("idle in transaction") === true),
    active: sessions(here, (row) => row.state === "active" && !isWaiting(row)),
  };
}

function sessions(rows: readonly ActivityRow[], keep: (row: ActivityRow) => boolean): Session[] {
  return rows
    .filter(keep)
    .map(session)
    .sort((a, b) => b.seconds - a.seconds);
}

function session(row: ActivityRow): Session {
  return {
    pid: row.pid,
    user: row.user ?? "",
    applicationName: row.application ?? "",
    state: row.state ?? "unknown",
    seconds: tenths(row.seconds),
  };
}

/** A blocker that is no session: it has just ended, or (pid 0) it is a prepared transaction. */
function gone(pid: number): Session {
  const state = pid === 0 ? "prepared transaction" : "ended";
  return { pid, user: "", applicationName: "", state, seconds: 0 };
}
