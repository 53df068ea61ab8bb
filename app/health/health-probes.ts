import type pg from "pg";
import { type Look, PROBE_APPLICATION_NAME, type ProbeResult, timed } from "../database/probe-connection.ts";
import { probeFailureOf } from "../database/probe-errors.ts";
import type { RoleLimits } from "./health-limits.ts";
import { ACTIVITY_SQL, type Activity, type ActivityRow, activityOf } from "./probe-activity.ts";

/** What the way of the application (through PgBouncer, as its role) shows. */
export interface PathReport {
  readonly latencyMs: number;
  readonly limits: RoleLimits;
  /** Names of the migrations that are applied; null where the table may not be read. */
  readonly migrations: readonly string[] | null;
}

/** What Postgres says of itself on a direct connection. */
export interface PostgresReport {
  readonly latencyMs: number;
  readonly version: string;
  readonly maxConnections: number;
  readonly usedConnections: number;
  readonly activity: Activity;
}

/** One row of SHOW POOLS with the sizes of its database. */
export interface PgBouncerPool {
  readonly database: string;
  readonly user: string;
  readonly cl_active: number;
  readonly cl_waiting: number;
  readonly sv_active: number;
  /** Idle and ready; `sv_used` are those that have been idle for so long that PgBouncer checks them before use. */
  readonly sv_idle: number;
  readonly sv_used: number;
  readonly maxwaitSeconds: number;
  /** Server connections that it may have: the size of its role or its entry, under the caps of both. */
  readonly poolSize: number | null;
  /** Those that it may have on top of them. */
  readonly reservePoolSize: number | null;
  readonly paused: boolean;
}

/** What PgBouncer's console says. */
export interface PgBouncerReport {
  readonly version: string;
  readonly poolMode: string;
  readonly maxClientConn: number;
  readonly queryWaitTimeoutSeconds: number;
  readonly serverLoginRetrySeconds: number;
  /** PAUSE without a database (or SUSPEND) holds every one back, and no row of SHOW DATABASES says so. */
  readonly isPaused: boolean;
  readonly pools: readonly PgBouncerPool[];
  readonly totals: PgBouncerTotals;
}

/** What PgBouncer has counted over all databases since it started (SHOW STATS). */
export interface PgBouncerTotals {
  readonly queries: number;
  /** Time that clients waited for the answers of these queries, in seconds, summed up. */
  readonly querySeconds: number;
  /** When PgBouncer was asked, in milliseconds since 1970: a look may be shared, and is older than who shows it. */
  readonly at: number;
}

/** Counts of the application's sessions; null where there are too many to count in the time. */
export interface SessionReport {
  readonly total: number | null;
  readonly byStatus: Readonly<Record<string, number>> | null;
  readonly reason?: string;
}

type Row = Readonly<Record<string, unknown>>;

const text = (row: Row | undefined, column: string) => String(row?.[column] ?? "");
const count = (row: Row | undefined, column: string) => Number(row?.[column] ?? 0);

async function rows(client: pg.Client, sql: string): Promise<Row[]> {
  return (await client.query<Row>(sql)).rows;
}

/** The limits of this very session, as the role's settings made them. A look at memory, no cost worth a name. */
const LIMITS_SQL = `SELECT ${["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
  .map((name) => `extract(epoch FROM current_setting('${name}')::interval)::float8 AS ${name}`)
  .join(", ")}`;

/** Walks the way of the application's own queries and reads which migrations are applied. */
export function lookAtPath(schema: string): Look<PathReport> {
  const applied =
    `SELECT migration_name FROM "${schema}"._prisma_migrations ` +
    "WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1";
  return async (client) => {
    let limits: Row | undefined;
    const latencyMs = await timed(async () => {
      [limits] = await rows(client, LIMITS_SQL);
    });
    const migrations = await rows(client, applied).catch((error: unknown) => noMigrations(error));
    return {
      latencyMs,
      limits: {
        statementTimeoutSeconds: count(limits, "statement_timeout"),
        lockTimeoutSeconds: count(limits, "lock_timeout"),
        idleInTransactionTimeoutSeconds: count(limits, "idle_in_transaction_session_timeout"),
      },
      migrations: migrations?.map((row) => text(row, "migration_name")) ?? null,
    };
  };
}

/** No table means that nothing was ever applied; a table that may not be read says nothing. Other errors are real. */
function noMigrations(error: unknown): Row[] | null {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "42P01") return [];
  if (code === "42501") return null;
  throw error;
}

/** Asks Postgres directly, as the monitoring role. */
export async function lookAtPostgres(client: pg.Client): Promise<PostgresReport> {
  let server: Row | undefined;
  const latencyMs = await timed(async () => {
    [server] = await rows(
      client,
      "SELECT current_setting('server_version') AS version, current_setting('max_connections')::int AS max",
    );
  });
  const activity = activityOf((await client.query<ActivityRow>(ACTIVITY_SQL)).rows, PROBE_APPLICATION_NAME);
  return {
    latencyMs,
    version: text(server, "version").split(" ")[0] ?? "",
    maxConnections: count(server, "max"),
    // The query leaves its own connection out.
    usedConnections: Object.values(activity.byState).reduce((sum, connections) => sum + connections, 1),
    activity,
  };
}

/** A thousand rows of a thousand bytes: a megabyte in a temporary file. As much in small rows takes five times as long. */
const SPILL_SQL = `SET LOCAL work_mem = '64kB';
WITH spilled AS MATERIALIZED (SELECT repeat('x', 1000) || n FROM generate_series(1, 1000) n) SELECT count(*) FROM spilled`;

/**
 * Looks whether Postgres can still write, without touching anybody's tables: a set that does not fit into work_mem goes
 * to a temporary file in the data directory, and its end removes it. No table, no WAL, no right is needed for that.
 * Both statements are one message and therefore one transaction: whatever happens, the session is as it was. A full disk
 * is an answer; every other error is one of the connection and rejects.
 */
export async function lookAtDisk(client: pg.Client): Promise<ProbeResult<unknown>> {
  const isFull = await client.query(SPILL_SQL).then(
    () => false,
    (error: unknown) => {
      if (probeFailureOf(error) !== "disk_full") throw error;
      return true;
    },
  );
  const time = new Date().toISOString();
  return isFull ? { ok: false, failure: "disk_full", time } : { ok: true, report: {}, time };
}

/** What PgBouncer says of its version and settings changes with a RELOAD; it is half of what a look costs. */
const SETTINGS_FOR_MS = 5000;

/** What PgBouncer says of itself, and on which connection it did: a restarted PgBouncer is another one. */
interface ConsoleSettings {
  readonly client: pg.Client;
  readonly at: number;
  readonly version: string;
  readonly config: ReadonlyMap<string, string>;
  /** Rows of SHOW USERS by name. */
  readonly users: ReadonlyMap<string, Row>;
}

/**
 * Asks PgBouncer's console. It speaks the simple protocol only: one command a query, never with values. None of these
 * walks through the clients, so their cost does not grow with them; most of it is the round trip, so they go together.
 * `now` counts milliseconds.
 */
export function pgBouncerLook(now: () => number = () => performance.now()): Look<PgBouncerReport> {
  let last: ConsoleSettings | null = null;
  return async (client) => {
    const isKnown = last !== null && last.client === client && now() - last.at < SETTINGS_FOR_MS;
    const [settings, states, databases, pools, stats] = await Promise.all([
      last !== null && isKnown ? last : consoleSettings(client, now()),
      rows(client, "SHOW STATE"),
      rows(client, "SHOW DATABASES"),
      rows(client, "SHOW POOLS"),
      rows(client, "SHOW STATS"),
    ]);
    last = settings;
    const { version, config, users } = settings;
    const state = new Map(states.map((row) => [text(row, "key"), text(row, "value")]));
    const entries = new Map(databases.map((row) => [text(row, "name"), row]));
    const others = (all: readonly Row[]) => all.filter((row) => row.database !== "pgbouncer");
    const sum = (column: string) => others(stats).reduce((total, row) => total + count(row, column), 0);
    return {
      version,
      poolMode: config.get("pool_mode") ?? "",
      maxClientConn: Number(config.get("max_client_conn")),
      queryWaitTimeoutSeconds: Number(config.get("query_wait_timeout")),
      serverLoginRetrySeconds: Number(config.get("server_login_retry")),
      isPaused: ["paused", "suspended"].some((key) => state.get(key) === "yes"),
      pools: others(pools).map((row) =>
        pgBouncerPool(row, entries.get(text(row, "database")), users.get(text(row, "user"))),
      ),
      totals: {
        queries: sum("total_query_count"),
        querySeconds: sum("total_query_time") / 1e6,
        at: Date.now(),
      },
    };
  };
}

async function consoleSettings(client: pg.Client, at: number): Promise<ConsoleSettings> {
  const [versions, settings, users] = await Promise.all([
    rows(client, "SHOW VERSION"),
    rows(client, "SHOW CONFIG"),
    rows(client, "SHOW USERS"),
  ]);
  return {
    client,
    at,
    version: text(versions[0], "version").replace(/^PgBouncer /, ""),
    config: new Map(settings.map((row) => [text(row, "key"), text(row, "value")])),
    users: new Map(users.map((row) => [text(row, "name"), row])),
  };
}

function pgBouncerPool(row: Row, database: Row | undefined, role: Row | undefined): PgBouncerPool {
  const { poolSize, reservePoolSize } = poolSizes(database, role);
  return {
    database: text(row, "database"),
    user: text(row, "user"),
    cl_active: count(row, "cl_active"),
    cl_waiting: count(row, "cl_waiting"),
    sv_active: count(row, "sv_active"),
    sv_idle: count(row, "sv_idle"),
    sv_used: count(row, "sv_used"),
    maxwaitSeconds: count(row, "maxwait") + count(row, "maxwait_us") / 1e6,
    poolSize,
    reservePoolSize,
    paused: count(database, "paused") === 1,
  };
}

/** What a pool may have. The role's own sizes win over the entry's and are empty where it has none; 0 is no cap. */
function poolSizes(database: Row | undefined, role: Row | undefined) {
  if (database === undefined) return { poolSize: null, reservePoolSize: null };
  const size = (column: string) => count(text(role, column) === "" ? database : role, column);
  const caps = [count(database, "max_connections"), count(role, "max_user_connections")];
  const cap = Math.min(...caps.filter((limit) => limit > 0));
  const poolSize = Math.min(size("pool_size"), cap);
  return { poolSize, reservePoolSize: Math.min(size("reserve_pool_size"), cap - poolSize) };
}

/** A count that takes longer is cut off by Postgres: well before the look's deadline, which would cut the connection. */
const MAX_COUNT_MS = 800;
const QUERY_CANCELED = "57014";

/**
 * Counts sessions by status. On a big table that takes a while, so the server itself cuts it off (SET LOCAL ends with the
 * transaction, which is what makes it safe behind PgBouncer's transaction pooling). The end of the transaction goes out
 * together with the count: a login that is cut off within a transaction costs PgBouncer its server connection.
 */
export function lookAtSessions(schema: string): Look<SessionReport> {
  const counts = `SELECT status::text AS status, count(*)::int AS sessions FROM "${schema}".chat_sessions GROUP BY 1 ORDER BY 1`;
  return async (client) => {
    const begun = client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${MAX_COUNT_MS}`);
    const counted = rows(client, counts).catch(tooMany);
    // After an error COMMIT rolls back.
    await Promise.allSettled([begun, counted, client.query("COMMIT")]);
    await begun;
    const statuses = await counted;
    if (statuses === null) {
      const reason = `counting takes longer than ${MAX_COUNT_MS / 1000} s`;
      return { total: null, byStatus: null, reason };
    }
    const byStatus = Object.fromEntries(statuses.map((row) => [text(row, "status"), count(row, "sessions")]));
    return { total: Object.values(byStatus).reduce((sum, sessions) => sum + sessions, 0), byStatus };
  };
}

/** A count that was cut off is an answer; other errors are real. */
function tooMany(error: unknown): null {
  if (error instanceof Error && "code" in error && error.code === QUERY_CANCELED) return null;
  throw error;
}
