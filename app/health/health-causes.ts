/** A setting that an advice may name: where to change it, and the unit of its value. */
export interface AdvisedSetting {
  /** Key below `poolkit:overrides.`; null where the stack's configuration does not hold it. */
  readonly override: string | null;
  readonly unit: "" | "s";
}

/** Every setting that an advice names, under the name that its owner gives it. */
export const ADVISED_SETTINGS = {
  DATABASE_CONNECTION_LIMIT: { override: "connectionLimit", unit: "" },
  DATABASE_ACQUIRE_TIMEOUT: { override: "poolTimeoutSeconds", unit: "s" },
  DATABASE_TRANSACTION_TIMEOUT: { override: "transactionTimeoutSeconds", unit: "s" },
  max_client_conn: { override: "maxClientConnections", unit: "" },
  default_pool_size: { override: "poolSize", unit: "" },
  reserve_pool_size: { override: "reservePoolSize", unit: "" },
  query_wait_timeout: { override: "queryWaitTimeoutSeconds", unit: "s" },
  server_login_retry: { override: "serverLoginRetrySeconds", unit: "s" },
  statement_timeout: { override: "statementTimeoutSeconds", unit: "s" },
  lock_timeout: { override: "lockTimeoutSeconds", unit: "s" },
  idle_in_transaction_session_timeout: { override: "idleInTransactionTimeoutSeconds", unit: "s" },
  max_connections: { override: null, unit: "" },
} as const satisfies Record<string, AdvisedSetting>;

export type AdvisedSettingName = keyof typeof ADVISED_SETTINGS;

/** What a cause is. Texts are for people and name no host, no user's data and no secret. */
export interface Cause {
  /** "warn" while it only holds others up, "fail" once requests or the health query fail because of it. */
  readonly status: "fail" | "warn" | "warn or fail";
  readonly meaning: string;
  /** What health has seen when it names this cause. */
  readonly evidence: string;
  readonly advice: string;
  /** Settings that the advice is about; health shows their values in force. */
  readonly settings: readonly AdvisedSettingName[];
}

/** Every cause that health can name, the heavier first. docs/health.md has this table. */
export const CAUSES = {
  dns: {
    status: "fail",
    meaning: "No database host name resolves.",
    evidence: "Both PgBouncer's and Postgres' name fail to resolve.",
    advice:
      "Check that both containers run (Docker knows no name of a container that is stopped), then that the application's container is on their network.",
    settings: [],
  },
  postgres_unreachable: {
    status: "fail",
    meaning: "Postgres does not answer.",
    evidence: "A direct login fails or times out, or PgBouncer says that its server is down.",
    advice:
      "Check Postgres' container and the end of its log (a full WAL disk stops it, too). Back again, PgBouncer tries after server_login_retry; RECONNECT on its admin console (output pgbouncerAdminUrl) tries at once. If Postgres answers directly and PgBouncer still does not reach it, restart PgBouncer: its resolver keeps the address from before Postgres' container was started again for up to ten minutes.",
    settings: ["server_login_retry"],
  },
  postgres_connections_exhausted: {
    status: "warn or fail",
    meaning: "Postgres, or the application's role in it, has no free connection slot.",
    evidence: "A login is refused with SQLSTATE 53300. Connections that PgBouncer has already keep working.",
    advice:
      "End sessions that nobody needs (see pool.postgres.byState), lower the pools, or raise max_connections (needs a restart).",
    settings: ["max_connections", "default_pool_size", "reserve_pool_size"],
  },
  pgbouncer_client_limit: {
    status: "fail",
    meaning: "PgBouncer has as many clients as it may have.",
    evidence: 'A new login is refused with "no more connections allowed".',
    advice:
      "Raise max_client_conn, or lower the number of replicas times DATABASE_CONNECTION_LIMIT (two times that during a deploy).",
    settings: ["max_client_conn", "DATABASE_CONNECTION_LIMIT"],
  },
  pgbouncer_paused: {
    status: "fail",
    meaning: "Somebody paused PgBouncer, or paused or disabled the database in it.",
    evidence:
      "The health query does not come through and SHOW STATE or SHOW DATABASES says paused, or a login is refused as disabled.",
    advice:
      "Run RESUME, or ENABLE for a disabled database, on PgBouncer's admin console (output pgbouncerAdminUrl) when the planned work is done.",
    settings: ["query_wait_timeout"],
  },
  login_failing: {
    status: "fail",
    meaning: "The application's login is refused.",
    evidence: "PgBouncer or Postgres refuses user, password or database.",
    advice:
      "Compare the password in DATABASE_URL with Postgres' role and PgBouncer's userlist; pulumi up --refresh puts all three right.",
    settings: [],
  },
  disk_full: {
    status: "fail",
    meaning: "Postgres cannot write: its data disk is full. Reads go on.",
    evidence: "Postgres answers SQLSTATE 53100 to a temporary file of about a megabyte.",
    advice: "Free space on the volume of Postgres' data or enlarge it; nothing has to be restarted.",
    settings: [],
  },
  pgbouncer_unreachable: {
    status: "fail",
    meaning: "PgBouncer does not answer.",
    evidence: "A login through PgBouncer fails or times out, while Postgres itself is well.",
    advice: "Check PgBouncer's container and the end of its log.",
    settings: [],
  },
  query_failing: {
    status: "fail",
    meaning: "A trivial query fails through PgBouncer for a reason that has no name here.",
    evidence: "An error that none of the other causes explains.",
    advice: "See the logs of PgBouncer and Postgres at this moment.",
    settings: [],
  },
  migration_pending: {
    status: "fail",
    meaning: "The database lacks migrations that this build needs.",
    evidence: "Migrations of the build are missing in _prisma_migrations.",
    advice: "Deploy them over the direct connection: poolkit up does.",
    settings: [],
  },
  lock_wait: {
    status: "warn or fail",
    meaning: "Sessions wait for a lock that another session keeps.",
    evidence:
      "A session has waited for a heavyweight lock for longer than the limit, or such waits exhaust a pool.",
    advice:
      "See what the blocking session does and let it end, or end it (npx poolkit doctor prints the command). Keep transactions short and lock in one order; lock_timeout cuts those that wait.",
    settings: ["lock_timeout", "statement_timeout"],
  },
  app_pool_leak: {
    status: "warn or fail",
    meaning: "A piece of the application's code keeps connections of the pool and does nothing with them.",
    evidence:
      "Connections are checked out for longer than DATABASE_LEAK_THRESHOLD without a statement at work.",
    advice:
      "Look at the named caller: what it waits for inside a transaction belongs outside, and what it checks out must be released in finally.",
    settings: ["DATABASE_CONNECTION_LIMIT", "DATABASE_TRANSACTION_TIMEOUT"],
  },
  idle_in_transaction: {
    status: "warn or fail",
    meaning:
      "Sessions have begun a transaction and do nothing in it, so that they hold a server connection, and perhaps locks.",
    evidence: "A session is idle in transaction for longer than the limit, or such sessions exhaust a pool.",
    advice:
      "Let the named session commit or roll back, or end it (npx poolkit doctor prints the command). Never wait for anything else inside a transaction; idle_in_transaction_session_timeout cuts those that do.",
    settings: ["idle_in_transaction_session_timeout", "DATABASE_TRANSACTION_TIMEOUT"],
  },
  slow_queries: {
    status: "warn or fail",
    meaning: "Statements of the application's role run for long.",
    evidence: "A statement has run for longer than the limit, or such statements exhaust a pool.",
    advice:
      "Find them by pid in pg_stat_activity and explain them: mostly an index is missing or too much is read at once. A longer statement_timeout only keeps connections longer.",
    settings: ["statement_timeout", "default_pool_size"],
  },
  pgbouncer_pool_exhausted: {
    status: "warn or fail",
    meaning: "All server connections of PgBouncer's pool are busy.",
    evidence:
      "Clients wait in PgBouncer for longer than the limit, or the health query does, and no session stands out as the one who holds them.",
    advice:
      "Raise default_pool_size (up to two to four times the cores of the database), shorten transactions, or let fewer requests in.",
    settings: ["default_pool_size", "reserve_pool_size", "query_wait_timeout"],
  },
  app_pool_exhausted: {
    status: "warn or fail",
    meaning: "All connections of the application's pool are busy.",
    evidence:
      "Work waits for a connection for longer than the limit (warn) or gave up in the last seconds (fail), and no session stands out as the one who holds them.",
    advice:
      "Raise DATABASE_CONNECTION_LIMIT (PgBouncer's max_client_conn must fit), or shorten transactions.",
    settings: ["DATABASE_CONNECTION_LIMIT", "DATABASE_ACQUIRE_TIMEOUT", "max_client_conn"],
  },
  configuration_refused: {
    status: "warn",
    meaning: "The last configuration was refused and the former one stays in force.",
    evidence: "The application found a problem when it was told to read its configuration again.",
    advice: "See configuration.lastError and put the value right.",
    settings: [],
  },
  monitoring_incomplete: {
    status: "warn",
    meaning: "The application works, but a monitoring login does not, so that causes may stay unnamed.",
    evidence: "The direct login or PgBouncer's console refuses the monitor.",
    advice: "See the failing check and the monitor's password; pulumi up --refresh puts it right.",
    settings: [],
  },
} as const satisfies Record<string, Cause>;

export type CauseName = keyof typeof CAUSES;

/** What an advice says about the settings in force, for example "statement_timeout 15 s (poolkit:overrides…)". */
export function settingsText(
  cause: CauseName,
  values: Readonly<Partial<Record<AdvisedSettingName, number>>>,
): string {
  return CAUSES[cause].settings
    .flatMap((name: AdvisedSettingName) => {
      const value = values[name];
      const { override, unit } = ADVISED_SETTINGS[name];
      const key = override === null ? "" : ` (poolkit:overrides.${override})`;
      if (value === undefined) return [];
      return [`${name} ${value === 0 && unit === "s" ? "off" : `${value}${unit && ` ${unit}`}`}${key}`];
    })
    .join(", ");
}
