import type { DatabaseSettings } from "./config.ts";
import { CAUSES, type CauseName, settingsText } from "./health-causes.ts";
import {
  type Holders,
  holdersAgainst,
  holdersOf,
  type LeakReport,
  rootHolder,
  sentence,
} from "./health-holders.ts";
import { type RoleLimits, type Thresholds, thresholdsOf } from "./health-limits.ts";
import type { PathReport, PgBouncerReport, PostgresReport } from "./health-probes.ts";
import type { PoolState } from "./pool-state.ts";
import type { ProbeResult } from "./probe-connection.ts";
import type { ProbeFailure } from "./probe-errors.ts";

/** Everything that a verdict is made of, seen within one look. A probe is null where it was not configured. */
export interface Observation {
  readonly path: ProbeResult<PathReport>;
  readonly postgres: ProbeResult<PostgresReport> | null;
  readonly pgbouncer: ProbeResult<PgBouncerReport> | null;
  /** Whether Postgres can write. */
  readonly disk: ProbeResult<unknown> | null;
  readonly pool: PoolState;
  /** Connections that the pool has given away for too long; null where nobody can know (standard mode). */
  readonly leaks: LeakReport | null;
  /** The application's own limits in force. */
  readonly settings: Pick<DatabaseSettings, "acquireTimeoutSeconds" | "transactionTimeoutSeconds">;
  /** The role's limits as last seen; null before the first look that came through. */
  readonly limits: RoleLimits | null;
  /** The role that the application logs in as: only its statements can be slow in the sense of slow_queries. */
  readonly applicationUser: string;
  /** PgBouncer's entry that the application connects to. */
  readonly applicationDatabase: string;
  readonly expectedMigrations: readonly string[];
  readonly configurationError: string | null;
}

export interface Verdict {
  readonly status: "pass" | "warn" | "fail";
  readonly cause: CauseName | null;
  /** One sentence: what is wrong, with the holder and the figures. Null with "pass". */
  readonly output: string | null;
  /** What to do, with the settings in force. Null with "pass". */
  readonly advice: string | null;
}

/** What a rule works with: what was seen, and what follows from it. */
interface Case extends Observation {
  readonly thresholds: Thresholds;
  readonly holders: Holders;
}

interface Finding {
  readonly cause: CauseName;
  readonly status: "warn" | "fail";
  readonly output: string;
}

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

/** Migrations that this build needs and the database has not; null where that could not be seen. */
export function pendingMigrations({
  path,
  expectedMigrations,
}: Pick<Observation, "path" | "expectedMigrations">): string[] | null {
  if (!path.ok || path.report.migrations === null) return null;
  const applied = new Set(path.report.migrations);
  return expectedMigrations.filter((migration) => !applied.has(migration));
}

/** The rules in the order of their weight: the first that applies names the cause. */
const RULES: readonly Rule[] = [
  ({ path, postgres }) =>
    failure(path) === "dns" && (postgres === null || failure(postgres) === "dns")
      ? fail("dns", "No database host name resolves: both containers are stopped, or out of reach by name.")
      : null,

  ({ path, postgres, pgbouncer }) => {
    if (path.ok || isRefusal(path.failure)) return null;
    if (isGone(failure(postgres)) || failure(postgres) === "upstream_down") {
      return isGone(failure(pgbouncer))
        ? fail("postgres_unreachable", "Neither Postgres nor PgBouncer answers.")
        : fail(
            "postgres_unreachable",
            "Postgres does not answer; PgBouncer keeps clients waiting meanwhile.",
          );
    }
    return path.failure === "upstream_down"
      ? fail("postgres_unreachable", "PgBouncer cannot connect to Postgres.")
      : null;
  },

  ({ path, postgres }) =>
    failure(path) === "connections_exhausted" || (!path.ok && failure(postgres) === "connections_exhausted")
      ? fail("postgres_connections_exhausted", "Postgres has no free connection slot for the application.")
      : null,

  ({ path, pgbouncer }) => {
    if (failure(path) !== "client_limit") return null;
    const limit = pgbouncer?.ok === true ? ` ${pgbouncer.report.maxClientConn}` : " max_client_conn";
    return fail("pgbouncer_client_limit", `PgBouncer has all${limit} clients it may have and refuses more.`);
  },

  (seen) => {
    const { path, pgbouncer } = seen;
    if (failure(path) === "disabled") {
      return fail("pgbouncer_paused", "The application's database is disabled in PgBouncer.");
    }
    if (!isLate(failure(path)) || pgbouncer?.ok !== true) return null;
    if (pgbouncer.report.isPaused) return fail("pgbouncer_paused", "The whole of PgBouncer is paused.");
    return applicationPools(seen).some((pool) => pool.paused)
      ? fail("pgbouncer_paused", "The application's database is paused in PgBouncer.")
      : null;
  },

  ({ path }) =>
    failure(path) === "login" ? fail("login_failing", "The application's login is refused.") : null,

  ({ path, disk }) =>
    failure(disk) === "disk_full" || failure(path) === "disk_full"
      ? fail("disk_full", "Postgres cannot write to its disk (SQLSTATE 53100); reads go on.")
      : null,

  (seen) => {
    // The look that waits in the queue may have come after the one that counts who waits there.
    const isQueued = failure(seen.path) === "queue_timeout" || waitingClients(seen) > 0 || isFull(seen);
    if (!isLate(failure(seen.path)) || !isQueued) return null;
    return exhausted(seen, "fail", {
      cause: "pgbouncer_pool_exhausted",
      output: `All ${serverConnections(seen)} of PgBouncer's pool are busy and clients time out.`,
    });
  },

  ({ path, pgbouncer }) => {
    // It answers on its console: then it is the query that hangs.
    if (failure(path) === "timeout" && pgbouncer?.ok === true) {
      return fail(
        "query_failing",
        "A trivial query through PgBouncer does not end, though PgBouncer answers.",
      );
    }
    return isGone(failure(path)) ? fail("pgbouncer_unreachable", "PgBouncer does not answer.") : null;
  },

  ({ path }) => (path.ok ? null : fail("query_failing", "A trivial query fails through PgBouncer.")),

  (seen) => {
    const pending = pendingMigrations(seen) ?? [];
    return pending.length === 0
      ? null
      : fail("migration_pending", `${pending.length} migration(s) are not applied, first ${pending[0]}.`);
  },

  (seen) => {
    const { pool } = seen;
    if (pool.lastAcquireTimeoutMsAgo === null || pool.lastAcquireTimeoutMsAgo >= ACQUIRE_TIMEOUT_MEMORY_MS) {
      return null;
    }
    return poolExhausted(seen, "fail", "Work gave up waiting");
  },
  (seen) => {
    const seconds = seen.pool.longestWaitMs / 1000;
    return seconds >= seen.thresholds.acquireWait
      ? poolExhausted(seen, "warn", `Work has waited for ${rounded(seconds)} s`)
      : null;
  },
  (seen) => {
    const wait = longestPgBouncerWait(seen);
    return wait === null
      ? null
      : exhausted(seen, "warn", { cause: "pgbouncer_pool_exhausted", output: pgBouncerWaitText(seen, wait) });
  },

  // Nobody suffers yet, but somebody will.
  ({ holders, thresholds }) => {
    const [first] = holders.lockWaits;
    return first !== undefined && first.waitedSeconds >= thresholds.lockWait
      ? warn("lock_wait", sentence.lock_wait(holders))
      : null;
  },
  ({ holders }) => (holders.leaks === null ? null : warn("app_pool_leak", sentence.app_pool_leak(holders))),
  ({ holders, thresholds }) => {
    const [first] = holders.idleInTransaction;
    return first !== undefined && first.seconds >= thresholds.idleInTransaction
      ? warn("idle_in_transaction", sentence.idle_in_transaction(holders))
      : null;
  },
  ({ holders, thresholds }) => {
    const [first] = holders.slowQueries;
    return first !== undefined && first.seconds >= thresholds.slowStatement
      ? warn("slow_queries", sentence.slow_queries(holders))
      : null;
  },
  ({ postgres }) =>
    failure(postgres) === "connections_exhausted"
      ? warn("postgres_connections_exhausted", "Postgres has no free connection slot for a new login.")
      : null,

  ({ configurationError }) =>
    configurationError === null
      ? null
      : warn("configuration_refused", "The last configuration was refused; the former one stays in force."),

  ({ postgres, pgbouncer, disk }) =>
    [postgres, pgbouncer, disk].some((result) => failure(result) !== null)
      ? warn("monitoring_incomplete", "The application works, but a monitoring login does not.")
      : null,
];

/** The application's pool is exhausted. Where its connections in turn queue in PgBouncer, that queue is the cause. */
function poolExhausted(seen: Case, status: "warn" | "fail", what: string): Finding {
  const wait = longestPgBouncerWait(seen);
  if (wait !== null) {
    return exhausted(seen, status, {
      cause: "pgbouncer_pool_exhausted",
      output: pgBouncerWaitText(seen, wait),
    });
  }
  const output = `${what} for one of the ${seen.pool.limit} connections of the application's pool.`;
  return exhausted(seen, status, { cause: "app_pool_exhausted", output });
}

/** Names who holds the connections of an exhausted pool, and the exhausted pool itself only where nobody stands out. */
function exhausted(
  seen: Case,
  status: "warn" | "fail",
  symptom: { readonly cause: CauseName; readonly output: string },
): Finding {
  const holders = holdersAgainst(seen.holders, seen.applicationUser);
  const root = rootHolder(holders, busyConnections(seen));
  if (root === null) return { status, ...symptom };
  return { status, cause: root, output: `${sentence[root](holders)} ${symptom.output}` };
}

/** The pools that the application's own statements go through. */
function applicationPools({ pgbouncer, applicationUser, applicationDatabase }: Observation) {
  if (pgbouncer?.ok !== true) return [];
  return pgbouncer.report.pools.filter(
    ({ user, database }) => user === applicationUser && database === applicationDatabase,
  );
}

function waitingClients(seen: Observation): number {
  return applicationPools(seen).reduce((sum, { cl_waiting }) => sum + cl_waiting, 0);
}

/** Whether all server connections of a pool of the application's work. */
function isFull(seen: Observation): boolean {
  return applicationPools(seen).some(
    ({ sv_active, poolSize }) => poolSize !== null && poolSize > 0 && sv_active >= poolSize,
  );
}

/** Connections that do something for the application: in Postgres where that can be seen, else in the own pool. */
function busyConnections(seen: Observation): number {
  const servers = applicationPools(seen).reduce((sum, { sv_active }) => sum + sv_active, 0);
  return Math.max(servers, seen.pgbouncer?.ok === true ? 1 : Math.min(seen.pool.running, seen.pool.limit), 1);
}

function longestPgBouncerWait(seen: Case): number | null {
  const longest = Math.max(0, ...applicationPools(seen).map(({ maxwaitSeconds }) => maxwaitSeconds));
  return longest > 0 && longest >= seen.thresholds.pgbouncerWait ? longest : null;
}

function pgBouncerWaitText(seen: Case, seconds: number): string {
  return `Clients have waited in PgBouncer for ${rounded(seconds)} s for one of the ${serverConnections(seen)} of its pool.`;
}

function serverConnections(seen: Observation): string {
  const size = applicationPools(seen)[0]?.poolSize ?? null;
  return size === null ? "server connections" : `${size} server connections`;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

/** The values in force of the settings that an advice may name, as far as they were seen. */
function settingValues(seen: Observation) {
  const { pool, settings, limits, pgbouncer, postgres } = seen;
  const console = pgbouncer?.ok === true ? pgbouncer.report : undefined;
  const [own] = applicationPools(seen);
  const values = {
    DATABASE_CONNECTION_LIMIT: pool.limit,
    DATABASE_ACQUIRE_TIMEOUT: settings.acquireTimeoutSeconds,
    DATABASE_TRANSACTION_TIMEOUT: settings.transactionTimeoutSeconds,
    max_client_conn: console?.maxClientConn,
    query_wait_timeout: console?.queryWaitTimeoutSeconds,
    server_login_retry: console?.serverLoginRetrySeconds,
    default_pool_size: own?.poolSize ?? undefined,
    reserve_pool_size: own?.reservePoolSize ?? undefined,
    statement_timeout: limits?.statementTimeoutSeconds,
    lock_timeout: limits?.lockTimeoutSeconds,
    idle_in_transaction_session_timeout: limits?.idleInTransactionTimeoutSeconds,
    max_connections: postgres?.ok === true ? postgres.report.maxConnections : undefined,
  };
  return values;
}

/** Who holds connections, as the body shows it. */
export function holdersSeen(seen: Observation): Holders {
  const activity = seen.postgres?.ok === true ? seen.postgres.report.activity : null;
  return holdersOf(activity, seen.leaks, seen.applicationUser);
}

/** Names the cause of what was seen: the root, not its consequences. Pure. */
export function verdictOf(observation: Observation): Verdict {
  const { pgbouncer, settings, limits } = observation;
  const queryWait = pgbouncer?.ok === true ? pgbouncer.report.queryWaitTimeoutSeconds : undefined;
  const seen: Case = {
    ...observation,
    thresholds: thresholdsOf(limits, settings.acquireTimeoutSeconds, queryWait),
    holders: holdersSeen(observation),
  };
  for (const rule of RULES) {
    const finding = rule(seen);
    if (finding !== null) return { ...finding, advice: adviceFor(finding.cause, observation) };
  }
  return { status: "pass", cause: null, output: null, advice: null };
}

function adviceFor(cause: CauseName, seen: Observation): string {
  const now = settingsText(cause, settingValues(seen));
  return now === "" ? CAUSES[cause].advice : `${CAUSES[cause].advice} Now: ${now}.`;
}
