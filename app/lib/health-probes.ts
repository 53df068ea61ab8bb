import type pg from "pg";
import { type ProbeResult, probe, timed } from "./probe-connection.ts";

/** Every probe ends within this time, so that the endpoint can promise an answer within 2 s on a busy machine too. */
const PROBE_DEADLINE_MS = 1200;

/** What the way of the application (through PgBouncer, as its role) shows. */
export interface PathReport {
  readonly latencyMs: number;
  /** Names of the migrations that are applied; null where the table may not be read. */
  readonly migrations: readonly string[] | null;
}

/** What Postgres says of itself on a direct connection. */
export interface PostgresReport {
  readonly latencyMs: number;
  readonly version: string;
  readonly maxConnections: number;
  readonly usedConnections: number;
  readonly byState: Readonly<Record<string, number>>;
}

/** One row of SHOW POOLS with the sizes of its database. */
export interface PgBouncerPool {
  readonly database: string;
  readonly user: string;
  readonly cl_active: number;
  readonly cl_waiting: number;
  readonly sv_active: number;
  readonly sv_idle: number;
  readonly maxwaitSeconds: number;
  readonly poolSize: number | null;
  readonly reservePoolSize: number | null;
  readonly paused: boolean;
}

/** What PgBouncer's console says. */
export interface PgBouncerReport {
  readonly latencyMs: number;
  readonly version: string;
  readonly poolMode: string;
  readonly maxClientConn: number;
  readonly pools: readonly PgBouncerPool[];
}

/** Counts of the application's sessions. */
export interface SessionReport {
  readonly total: number;
  readonly byStatus: Readonly<Record<string, number>>;
}

type Row = Readonly<Record<string, unknown>>;

const text = (row: Row | undefined, column: string) => String(row?.[column] ?? "");
const count = (row: Row | undefined, column: string) => Number(row?.[column] ?? 0);

async function rows(client: pg.Client, sql: string): Promise<Row[]> {
  return (await client.query<Row>(sql)).rows;
}

/** Walks the way of the application's own queries and reads which migrations are applied. */
export function probePath(connectionString: string, schema: string): Promise<ProbeResult<PathReport>> {
  return probe(connectionString, PROBE_DEADLINE_MS, async (client) => {
    const latencyMs = await timed(() => client.query("SELECT 1"));
    const applied =
      `SELECT migration_name FROM "${schema}"._prisma_migrations ` +
      "WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1";
    const migrations = await rows(client, applied).catch((error: unknown) => noMigrations(error));
    return { latencyMs, migrations: migrations?.map((row) => text(row, "migration_name")) ?? null };
  });
}

/** No table means that nothing was ever applied; a table that may not be read says nothing. Other errors are real. */
function noMigrations(error: unknown): Row[] | null {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "42P01") return [];
  if (code === "42501") return null;
  throw error;
}

/** Asks Postgres directly, as the monitoring role. */
export function probePostgres(connectionString: string): Promise<ProbeResult<PostgresReport>> {
  return probe(connectionString, PROBE_DEADLINE_MS, async (client) => {
    const latencyMs = await timed(() => client.query("SELECT 1"));
    const states = await rows(
      client,
      "SELECT coalesce(state, 'unknown') AS state, count(*)::int AS connections FROM pg_stat_activity " +
        "WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 1",
    );
    const [server] = await rows(
      client,
      "SELECT current_setting('server_version') AS version, current_setting('max_connections')::int AS max",
    );
    const byState = Object.fromEntries(states.map((row) => [text(row, "state"), count(row, "connections")]));
    return {
      latencyMs,
      version: text(server, "version").split(" ")[0] ?? "",
      maxConnections: count(server, "max"),
      usedConnections: Object.values(byState).reduce((sum, connections) => sum + connections, 0),
      byState,
    };
  });
}

/** Asks PgBouncer's console. It speaks the simple protocol only: one command a query, never with values. */
export function probePgBouncer(connectionString: string): Promise<ProbeResult<PgBouncerReport>> {
  return probe(connectionString, PROBE_DEADLINE_MS, async (client) => {
    let version = "";
    const latencyMs = await timed(async () => {
      version = text((await rows(client, "SHOW VERSION"))[0], "version");
    });
    const config = new Map(
      (await rows(client, "SHOW CONFIG")).map((row) => [text(row, "key"), text(row, "value")]),
    );
    const databases = new Map((await rows(client, "SHOW DATABASES")).map((row) => [text(row, "name"), row]));
    const pools = (await rows(client, "SHOW POOLS"))
      .filter((row) => row.database !== "pgbouncer")
      .map((row) => pgBouncerPool(row, databases.get(text(row, "database"))));
    return {
      latencyMs,
      version: version.replace(/^PgBouncer /, ""),
      poolMode: config.get("pool_mode") ?? "",
      maxClientConn: Number(config.get("max_client_conn")),
      pools,
    };
  });
}

function pgBouncerPool(row: Row, database: Row | undefined): PgBouncerPool {
  return {
    database: text(row, "database"),
    user: text(row, "user"),
    cl_active: count(row, "cl_active"),
    cl_waiting: count(row, "cl_waiting"),
    sv_active: count(row, "sv_active"),
    sv_idle: count(row, "sv_idle"),
    maxwaitSeconds: count(row, "maxwait") + count(row, "maxwait_us") / 1e6,
    poolSize: database === undefined ? null : count(database, "pool_size"),
    reservePoolSize: database === undefined ? null : count(database, "reserve_pool_size"),
    paused: count(database, "paused") === 1,
  };
}

/**
 * Counts sessions by status. On a big table that takes a while, so the server itself cuts it after a second (SET LOCAL
 * ends with the transaction, which is what makes it safe behind PgBouncer's transaction pooling).
 */
export function probeSessions(connectionString: string, schema: string): Promise<ProbeResult<SessionReport>> {
  return probe(connectionString, PROBE_DEADLINE_MS, async (client) => {
    await client.query("BEGIN READ ONLY; SET LOCAL statement_timeout = 1000");
    const counted = await rows(
      client,
      `SELECT status::text AS status, count(*)::int AS sessions FROM "${schema}".chat_sessions GROUP BY 1 ORDER BY 1`,
    );
    await client.query("COMMIT");
    const byStatus = Object.fromEntries(counted.map((row) => [text(row, "status"), count(row, "sessions")]));
    return { total: Object.values(byStatus).reduce((sum, sessions) => sum + sessions, 0), byStatus };
  });
}
