import type { PathReport, PgBouncerReport, PostgresReport } from "./health-probes.ts";
import type { PoolState } from "./pool-exchange.ts";
import type { ProbeResult } from "./probe-connection.ts";

/** Everything that a verdict is made of, seen within one look. A probe is null where it was not configured. */
export interface Observation {
  readonly path: ProbeResult<PathReport>;
  readonly postgres: ProbeResult<PostgresReport> | null;
  readonly pgbouncer: ProbeResult<PgBouncerReport> | null;
  readonly pool: PoolState;
  readonly expectedMigrations: readonly string[];
  readonly configurationError: string | null;
}

export interface Verdict {
  readonly status: "pass" | "warn" | "fail";
  readonly cause: string | null;
  /** One sentence: what is wrong and what to do. Null with "pass". */
  readonly output: string | null;
}

interface Rule {
  readonly cause: string;
  readonly status: "warn" | "fail";
  /** The sentence where the rule applies, else null. */
  readonly applies: (seen: Observation) => string | null;
}

/** Waiting longer than this, without end in between, is exhaustion; shorter queues are normal under load. */
const QUEUE_WARNING_MS = 1000;
/** For so long after somebody gave up waiting, health says so. */
const ACQUIRE_TIMEOUT_MEMORY_MS = 10_000;

const failure = (result: ProbeResult<unknown> | null) =>
  result === null || result.ok ? null : result.failure;
const isGone = (kind: string | null) => kind === "unreachable" || kind === "timeout" || kind === "dns";

/** Migrations that this build needs and the database has not; null where that could not be seen. */
export function pendingMigrations({ path, expectedMigrations }: Observation): string[] | null {
  if (!path.ok || path.report.migrations === null) return null;
  const applied = new Set(path.report.migrations);
  return expectedMigrations.filter((name) => !applied.has(name));
}

/** The rules in the order of their weight: the first that applies names the cause. */
const RULES: readonly Rule[] = [
  {
    cause: "dns",
    status: "fail",
    applies: ({ path, postgres }) =>
      failure(path) === "dns" && (postgres === null || failure(postgres) === "dns")
        ? "No database host name resolves: check that the application's container is on the stack's network."
        : null,
  },
  {
    cause: "postgres_unreachable",
    status: "fail",
    applies: ({ path, postgres, pgbouncer }) => {
      if (path.ok) return null;
      if (isGone(failure(postgres))) {
        return isGone(failure(pgbouncer))
          ? "Neither Postgres nor PgBouncer answers: check both containers and the stack's network."
          : "Postgres does not answer: check its container and its log; PgBouncer keeps clients waiting meanwhile.";
      }
      return path.failure === "upstream_down"
        ? "PgBouncer cannot connect to Postgres: check Postgres and wait for server_login_retry, or run RECONNECT."
        : null;
    },
  },
  {
    cause: "postgres_connections_exhausted",
    status: "fail",
    applies: ({ path, postgres }) =>
      failure(path) === "connections_exhausted" || (!path.ok && failure(postgres) === "connections_exhausted")
        ? "Postgres has no free connection slot: end idle sessions, or raise max_connections (needs a restart)."
        : null,
  },
  {
    cause: "pgbouncer_client_limit",
    status: "fail",
    applies: ({ path }) =>
      failure(path) === "client_limit"
        ? "PgBouncer has max_client_conn clients: raise it, or lower replicas times DATABASE_CONNECTION_LIMIT."
        : null,
  },
  {
    cause: "pgbouncer_paused",
    status: "fail",
    applies: ({ path, pgbouncer }) =>
      !path.ok && pgbouncer?.ok === true && pgbouncer.report.pools.some((pool) => pool.paused)
        ? "A database is paused in PgBouncer: run RESUME on its console when the planned work is done."
        : null,
  },
  {
    cause: "login_failing",
    status: "fail",
    applies: ({ path }) =>
      failure(path) === "login"
        ? "The application's login is refused: compare its password with Postgres' role and PgBouncer's userlist."
        : null,
  },
  {
    cause: "pgbouncer_pool_exhausted",
    status: "fail",
    applies: ({ path, pgbouncer }) => {
      const isLate = failure(path) === "timeout" || failure(path) === "queue_timeout";
      const waiting = pgbouncer?.ok === true ? waitingClients(pgbouncer.report) : 0;
      return isLate && (waiting > 0 || failure(path) === "queue_timeout")
        ? "All server connections of PgBouncer's pool are busy and clients time out: raise default_pool_size, or find the transactions that hold them."
        : null;
    },
  },
  {
    cause: "pgbouncer_unreachable",
    status: "fail",
    applies: ({ path }) =>
      isGone(failure(path)) ? "PgBouncer does not answer: check its container and its log." : null,
  },
  {
    cause: "query_failing",
    status: "fail",
    applies: ({ path }) =>
      path.ok
        ? null
        : "A trivial query fails through PgBouncer: see the logs of PgBouncer and Postgres for the reason.",
  },
  {
    cause: "migration_pending",
    status: "fail",
    applies: (seen) => {
      const pending = pendingMigrations(seen) ?? [];
      return pending.length === 0
        ? null
        : `${pending.length} migration(s) not applied (first: ${pending[0]}): deploy them over the direct connection.`;
    },
  },
  {
    cause: "app_pool_exhausted",
    status: "fail",
    applies: ({ pool }) =>
      pool.lastAcquireTimeoutMsAgo !== null && pool.lastAcquireTimeoutMsAgo < ACQUIRE_TIMEOUT_MEMORY_MS
        ? `Requests gave up waiting for one of ${pool.limit} pool connections: raise DATABASE_CONNECTION_LIMIT, or find slow or leaking work.`
        : null,
  },
  {
    cause: "app_pool_exhausted",
    status: "warn",
    applies: ({ pool }) =>
      pool.fullForMs >= QUEUE_WARNING_MS
        ? `All ${pool.limit} pool connections have been busy for ${Math.round(pool.fullForMs / 1000)} s: raise DATABASE_CONNECTION_LIMIT, or find slow work.`
        : null,
  },
  {
    cause: "pgbouncer_pool_exhausted",
    status: "warn",
    applies: ({ pgbouncer }) =>
      pgbouncer?.ok === true &&
      pgbouncer.report.pools.some((pool) => pool.maxwaitSeconds * 1000 >= QUEUE_WARNING_MS)
        ? "Clients wait in PgBouncer for more than a second: raise default_pool_size, or find slow transactions."
        : null,
  },
  {
    cause: "configuration_refused",
    status: "warn",
    applies: ({ configurationError }) =>
      configurationError === null
        ? null
        : "The last configuration was refused and the former one stays in force: see configuration.lastError.",
  },
  {
    cause: "monitoring_incomplete",
    status: "warn",
    applies: ({ postgres, pgbouncer }) =>
      failure(postgres) !== null || failure(pgbouncer) !== null
        ? "The application works, but a monitoring login does not: see the failing check and the monitor's password."
        : null,
  },
];

function waitingClients(report: PgBouncerReport): number {
  return report.pools.reduce((sum, pool) => sum + pool.cl_waiting, 0);
}

/** Names the cause of what was seen. */
export function verdictOf(seen: Observation): Verdict {
  for (const { cause, status, applies } of RULES) {
    const output = applies(seen);
    if (output !== null) return { status, cause, output };
  }
  return { status: "pass", cause: null, output: null };
}
