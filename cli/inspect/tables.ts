export const tableNames = ["pools", "clients", "locks", "queries"] as const;
export type TableName = (typeof tableNames)[number];

/** What a table shows and where it comes from. */
export interface Table {
  /** The output of the stack with the login. */
  readonly source: "consoleUrl" | "monitorUrl";
  readonly sql: string;
  /** Columns in their order; others that the source sends are left out. */
  readonly columns: readonly string[];
}

export interface TableOptions {
  /** Idle sessions too. */
  readonly all?: boolean;
  /** The text of the statements, which may hold data of others. */
  readonly showSql?: boolean;
}

/** The tables, in the column names of PgBouncer's SHOW commands and of PostgreSQL's views. Times in seconds. */
export function tableOf(name: TableName, { all = false, showSql = false }: TableOptions): Table {
  switch (name) {
    case "pools":
      return {
        source: "consoleUrl",
        sql: "SHOW POOLS",
        columns: [
          ...["database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested"],
          ...["sv_login", "maxwait", "maxwait_us", "pool_mode"],
        ],
      };
    case "clients":
      return {
        source: "consoleUrl",
        sql: "SHOW CLIENTS",
        columns: [
          ...["id", "database", "user", "state", "addr", "port", "application_name", "connect_time"],
          ...["request_time", "wait", "wait_us", "prepared_statements"],
        ],
      };
    case "locks":
      return { source: "monitorUrl", sql: locks, columns: lockColumns };
    case "queries":
      return {
        source: "monitorUrl",
        sql: queries(all, showSql),
        columns: showSql ? [...queryColumns, "query"] : queryColumns,
      };
  }
}

/** greatest() passes over NULL, so the case is needed: no transaction is not one of 0 s. */
const seconds = (since: string) =>
  `CASE WHEN ${since} IS NOT NULL THEN round(greatest(extract(epoch FROM clock_timestamp() - ${since}), 0), 1)::float8 END`;

const lockColumns = [
  ...["pid", "usename", "application_name", "state", "locktype", "mode", "granted", "relation", "wait_s"],
  ...["xact_s", "blocked_by"],
];

/** Who waits for a lock and who holds it: a holder's rows are those on what somebody waits for. */
const locks = `
  WITH waiting AS (SELECT pid, pg_blocking_pids(pid) AS blocked_by FROM pg_locks WHERE NOT granted),
    holders AS (SELECT DISTINCT unnest(blocked_by) AS pid FROM waiting)
  SELECT l.pid, a.usename, a.application_name, a.state, l.locktype, l.mode, l.granted,
    CASE WHEN l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      THEN l.relation::regclass::text END AS relation,
    ${seconds("l.waitstart")} AS wait_s, ${seconds("a.xact_start")} AS xact_s, w.blocked_by
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN waiting w ON w.pid = l.pid AND NOT l.granted
  WHERE NOT l.granted OR (l.pid IN (SELECT pid FROM holders) AND l.granted AND EXISTS (
    SELECT 1 FROM pg_locks n WHERE NOT n.granted AND n.pid <> l.pid AND n.locktype = l.locktype
      AND n.database IS NOT DISTINCT FROM l.database AND n.relation IS NOT DISTINCT FROM l.relation
      AND n.transactionid IS NOT DISTINCT FROM l.transactionid AND n.objid IS NOT DISTINCT FROM l.objid))
  ORDER BY l.granted, l.waitstart NULLS LAST, l.pid`;

const queryColumns = [
  ...["pid", "usename", "datname", "application_name", "state", "wait_event_type", "wait_event"],
  ...["query_s", "xact_s", "state_s", "blocked_by"],
];

function queries(all: boolean, showSql: boolean): string {
  return `
  SELECT pid, usename, datname, application_name, state, wait_event_type, wait_event,
    CASE WHEN state = 'active' THEN ${seconds("query_start")} END AS query_s,
    ${seconds("xact_start")} AS xact_s, ${seconds("state_change")} AS state_s,
    CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) END AS blocked_by${showSql ? ", query" : ""}
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()${all ? "" : " AND state <> 'idle'"}
  ORDER BY coalesce(xact_start, query_start), pid`;
}
