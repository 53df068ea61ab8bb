import type { ProbeResult } from "../database/probe-connection.ts";
import type { ProbeFailure } from "../database/probe-errors.ts";
import type { CauseName } from "./health-causes.ts";
import { type Holders, holdersAgainst, rootHolder, sentence } from "./health-holders.ts";
import type { Thresholds } from "./health-limits.ts";
import { type Observation, pendingMigrations } from "./health-observation.ts";
import {
  applicationPools,
  busyConnections,
  isFull,
  longestWaitSeconds,
  serverConnections,
  waitingClients,
} from "./pgbouncer-pools.ts";

/** What a rule works with: what was seen, and what follows from it. */
export interface Case extends Observation {
  readonly thresholds: Thresholds;
  readonly holders: Holders;
}

export interface Finding {
  readonly cause: CauseName;
  readonly status: "warn" | "fail";
  /** One sentence: what is wrong, with the holder and the figures. */
  readonly output: string;
}

/** Null where it does not apply. */
type Rule = (seen: Case) => Finding | null;

/** For so long after somebody gave up waiting, health says so: others will follow, and once healed it soon passes. */
const ACQUIRE_TIMEOUT_MEMORY_MS = 3000;

const failure = (result: ProbeResult<unknown> | null): ProbeFailure | null =>
  result === null || result.ok ? null : result.failure;
const isGone = (kind: ProbeFailure | null) => kind === "unreachable" || kind === "timeout" || kind === "dns";
const isLate = (kind: ProbeFailure | null) => kind === "timeout" || kind === "queue_timeout";
/** Refusals that say by themselves what is wrong: whoever gives them is there, so nothing else explains them. */
const isRefusal = (kind: ProbeFailure | null) =>
  kind !== null && ["login", "client_limit", "connections_exhausted", "disk_full", "disabled"].includes(kind);

const fail = (cause: CauseName, output: string): Finding => ({ cause, status: "fail", output });
const warn = (cause: CauseName, output: string): Finding => ({ cause, status: "warn", output });

// ---- the application has no database ----

const noName: Rule = ({ path, postgres }) =>
  failure(path) === "dns" && (postgres === null || failure(postgres) === "dns")
    ? fail("dns", "No database host name resolves: both containers are stopped, or out of reach by name.")
    : null;

const postgresGone: Rule = ({ path, postgres, pgbouncer }) => {
  if (path.ok || isRefusal(path.failure)) return null;
  if (isGone(failure(postgres)) || failure(postgres) === "upstream_down") {
    return isGone(failure(pgbouncer))
      ? fail("postgres_unreachable", "Neither Postgres nor PgBouncer answers.")
      : fail("postgres_unreachable", "Postgres does not answer; PgBouncer keeps clients waiting meanwhile.");
  }
  if (path.failure !== "upstream_down") return null;
  const directly = postgres?.ok === true ? ", which answers the application directly" : "";
  return fail("postgres_unreachable", `PgBouncer cannot connect to Postgres${directly}.`);
};

const noConnectionSlot: Rule = ({ path, postgres }) =>
  failure(path) === "connections_exhausted" || (!path.ok && failure(postgres) === "connections_exhausted")
    ? fail("postgres_connections_exhausted", "Postgres has no free connection slot for the application.")
    : null;

const clientsAtLimit: Rule = ({ path, pgbouncer }) => {
  if (failure(path) !== "client_limit") return null;
  const limit = pgbouncer?.ok === true ? ` ${pgbouncer.report.maxClientConn}` : " max_client_conn";
  return fail("pgbouncer_client_limit", `PgBouncer has all${limit} clients it may have and refuses more.`);
};

const paused: Rule = (seen) => {
  const { path, pgbouncer } = seen;
  if (failure(path) === "disabled") {
    return fail("pgbouncer_paused", "The application's database is disabled in PgBouncer.");
  }
  if (!isLate(failure(path)) || pgbouncer?.ok !== true) return null;
  if (pgbouncer.report.isPaused) return fail("pgbouncer_paused", "The whole of PgBouncer is paused.");
  return applicationPools(seen).some((pool) => pool.paused)
    ? fail("pgbouncer_paused", "The application's database is paused in PgBouncer.")
    : null;
};

const loginRefused: Rule = ({ path }) =>
  failure(path) === "login" ? fail("login_failing", "The application's login is refused.") : null;

const diskFull: Rule = ({ path, disk }) =>
  failure(disk) === "disk_full" || failure(path) === "disk_full"
    ? fail("disk_full", "Postgres cannot write to its disk (SQLSTATE 53100); reads go on.")
    : null;

const lateInQueue: Rule = (seen) => {
  // The look that waits in the queue may have come after the one that counts who waits there.
  const isQueued = failure(seen.path) === "queue_timeout" || waitingClients(seen) > 0 || isFull(seen);
  if (!isLate(failure(seen.path)) || !isQueued) return null;
  return exhausted(seen, "fail", {
    cause: "pgbouncer_pool_exhausted",
    output: `All ${serverConnections(seen)} of PgBouncer's pool are busy and clients time out.`,
  });
};

const pathGone: Rule = ({ path, pgbouncer }) => {
  // It answers on its console: then it is the query that hangs.
  if (failure(path) === "timeout" && pgbouncer?.ok === true) {
    return fail("query_failing", "A trivial query through PgBouncer does not end, though PgBouncer answers.");
  }
  return isGone(failure(path)) ? fail("pgbouncer_unreachable", "PgBouncer does not answer.") : null;
};

const queryFails: Rule = ({ path }) =>
  path.ok ? null : fail("query_failing", "A trivial query fails through PgBouncer.");

const notMigrated: Rule = (seen) => {
  const pending = pendingMigrations(seen) ?? [];
  return pending.length === 0
    ? null
    : fail("migration_pending", `${pending.length} migration(s) are not applied, first ${pending[0]}.`);
};

// ---- work waits too long ----

const workGaveUp: Rule = (seen) => {
  const { lastAcquireTimeoutMsAgo: ago } = seen.pool;
  if (ago === null || ago >= ACQUIRE_TIMEOUT_MEMORY_MS) return null;
  return poolExhausted(seen, "fail", "Work gave up waiting");
};

const workWaits: Rule = (seen) => {
  const seconds = seen.pool.longestWaitMs / 1000;
  return seconds >= seen.thresholds.acquireWait
    ? poolExhausted(seen, "warn", `Work has waited for ${rounded(seconds)} s`)
    : null;
};

const clientsWait: Rule = (seen) => {
  const symptom = longPgBouncerWait(seen);
  return symptom === null ? null : exhausted(seen, "warn", symptom);
};

// ---- nobody suffers yet, but somebody will ----

const locksWait: Rule = ({ holders, thresholds }) => {
  const [first] = holders.lockWaits;
  return first !== undefined && first.waitedSeconds >= thresholds.lockWait
    ? warn("lock_wait", sentence.lock_wait(holders))
    : null;
};

const connectionsLeak: Rule = ({ holders }) =>
  holders.leaks === null ? null : warn("app_pool_leak", sentence.app_pool_leak(holders));

const transactionsIdle: Rule = ({ holders, thresholds }) => {
  const [first] = holders.idleInTransaction;
  return first !== undefined && first.seconds >= thresholds.idleInTransaction
    ? warn("idle_in_transaction", sentence.idle_in_transaction(holders))
    : null;
};

const queriesSlow: Rule = ({ holders, thresholds }) => {
  const [first] = holders.slowQueries;
  return first !== undefined && first.seconds >= thresholds.slowStatement
    ? warn("slow_queries", sentence.slow_queries(holders))
    : null;
};

const noSlotForNewLogins: Rule = ({ postgres }) =>
  failure(postgres) === "connections_exhausted"
    ? warn("postgres_connections_exhausted", "Postgres has no free connection slot for a new login.")
    : null;

const configurationRefused: Rule = ({ configurationError }) =>
  configurationError === null
    ? null
    : warn("configuration_refused", "The last configuration was refused; the former one stays in force.");

const monitoringIncomplete: Rule = ({ postgres, pgbouncer, disk }) =>
  [postgres, pgbouncer, disk].some((result) => failure(result) !== null)
    ? warn("monitoring_incomplete", "The application works, but a monitoring login does not.")
    : null;

/** The rules in the order of their weight: the first that applies names the cause. */
export const RULES: readonly Rule[] = [
  noName,
  postgresGone,
  noConnectionSlot,
  clientsAtLimit,
  paused,
  loginRefused,
  diskFull,
  lateInQueue,
  pathGone,
  queryFails,
  notMigrated,
  workGaveUp,
  workWaits,
  clientsWait,
  locksWait,
  connectionsLeak,
  transactionsIdle,
  queriesSlow,
  noSlotForNewLogins,
  configurationRefused,
  monitoringIncomplete,
];

type Symptom = Pick<Finding, "cause" | "output">;

/** The application's pool is exhausted. Where its connections in turn queue in PgBouncer, that queue is the cause. */
function poolExhausted(seen: Case, status: Finding["status"], what: string): Finding {
  const output = `${what} for one of the ${seen.pool.limit} connections of the application's pool.`;
  return exhausted(seen, status, longPgBouncerWait(seen) ?? { cause: "app_pool_exhausted", output });
}

/** Names who holds the connections of an exhausted pool, and the exhausted pool itself only where nobody stands out. */
function exhausted(seen: Case, status: Finding["status"], symptom: Symptom): Finding {
  const holders = holdersAgainst(seen.holders, seen.applicationUser);
  const root = rootHolder(holders, busyConnections(seen));
  if (root === null) return { status, ...symptom };
  return { status, cause: root, output: `${sentence[root](holders)} ${symptom.output}` };
}

/** Clients that have waited in PgBouncer for too long; null where none has. */
function longPgBouncerWait(seen: Case): Symptom | null {
  const seconds = longestWaitSeconds(seen);
  if (seconds < seen.thresholds.pgbouncerWait) return null;
  return {
    cause: "pgbouncer_pool_exhausted",
    output: `Clients have waited in PgBouncer for ${rounded(seconds)} s for one of the ${serverConnections(seen)} of its pool.`,
  };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
