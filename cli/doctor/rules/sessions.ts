import type { Place } from "../causes.ts";
import type { Observation } from "../look.ts";
import type { SessionRow } from "../look-postgres.ts";
import type { Symptom } from "../symptom.ts";
import { duration, oneLine } from "../text.ts";

/** A transaction in which nothing happens for so long holds its server connection for nothing. */
const idleSeconds = 2;
const lockSeconds = 1;
const slowSeconds = 5;
/** Share of the slots that ordinary roles may take. */
const connectionWarning = 0.8;
/** Sessions that are named one by one; a thousand lines would hide the rest of the report. */
const namedSessions = 5;

/** What Postgres' sessions show. */
export function sessionSymptoms({ postgres }: Observation, { names }: Place): Symptom[] {
  if (!postgres?.ok) return [];
  const { maxConnections, reservedConnections } = postgres.seen;
  // The longest first: those that are named are those that the command ends.
  const sessions = postgres.seen.sessions.toSorted((a, b) => (b.state_seconds ?? 0) - (a.state_seconds ?? 0));
  const byPid = new Map(sessions.map((session) => [session.pid, session]));
  const isLocked = ({ wait_event_type }: SessionRow) => wait_event_type === "Lock";
  const lasting = (seconds: number) => (session: SessionRow) => (session.state_seconds ?? 0) >= seconds;
  const terminate = (pids: readonly number[]) => endCommand(names.postgres, pids);

  const idle = sessions
    .filter(({ state }) => state?.startsWith("idle in transaction"))
    .filter(lasting(idleSeconds));
  const locked = sessions.filter(isLocked).filter(lasting(lockSeconds));
  const slow = sessions
    .filter((session) => session.state === "active" && !isLocked(session))
    .filter(lasting(slowSeconds));
  const blockers = [...new Set(locked.flatMap(({ blocked_by }) => blocked_by))].filter(
    (pid) => !locked.some((session) => session.pid === pid),
  );
  return [
    ...named(idle, "idle_in_transaction", (session) => who(session), terminate(idle.map(({ pid }) => pid))),
    ...named(
      locked,
      "lock_wait",
      (session) =>
        `${who(session)}, waits for ${session.blocked_by.map((pid) => blocker(pid, byPid)).join(" and ") || "a lock"}`,
      terminate(blockers),
    ),
    // Ending a long query is a decision; the cause's own command shows it first.
    ...named(slow, "slow_queries", who, undefined),
    ...connections(sessions.length + 1, maxConnections - reservedConnections),
  ];
}

function named(
  sessions: readonly SessionRow[],
  cause: string,
  words: (session: SessionRow) => string,
  command: string | undefined,
): Symptom[] {
  const shown = sessions.slice(0, namedSessions).map(
    (session): Symptom => ({
      cause,
      severity: "warn",
      evidence: words(session),
      ...(command && { command }),
    }),
  );
  const rest = sessions.length - shown.length;
  return rest === 0 ? shown : [...shown, { cause, severity: "warn", evidence: `and ${rest} more` }];
}

/** `pid 42 (poolkit_app, orders): idle in transaction for 12 s`. The names are chosen by clients. */
function who({ pid, usename, application_name, state, state_seconds }: SessionRow): string {
  const names = [usename ?? "", application_name]
    .filter((name) => name !== "")
    .map((name) => oneLine(name, 63));
  return `pid ${pid} (${names.join(", ")}): ${state ?? "unknown"} for ${duration(state_seconds ?? 0)}`;
}

function blocker(pid: number, byPid: ReadonlyMap<number, SessionRow>): string {
  const session = byPid.get(pid);
  return session === undefined ? `pid ${pid}` : who(session);
}

/** Inside the container, because it needs no login and works when no connection is free. TERM rolls back. */
function endCommand(containerName: string, pids: readonly number[]): string | undefined {
  if (pids.length === 0) return undefined;
  const inside = pids.slice(0, namedSessions).map((pid) => `pg_ctl kill TERM ${pid}`);
  return inside.map((command) => `docker exec ${containerName} ${command}`).join("; ");
}

function connections(used: number, limit: number): Symptom[] {
  if (used < connectionWarning * limit) return [];
  const evidence = `${used} of ${limit} connections of ordinary roles are taken (max_connections less the reserved)`;
  return [{ cause: "postgres_connections_exhausted", severity: "warn", evidence }];
}
