/** The three environments that Poolkit knows; a stack takes the sizes and timeouts of one of them. */
export const presetNames = ["dev", "prod", "high-load"] as const;
export type PresetName = (typeof presetNames)[number];

/** Sizes and timeouts of one environment. Every field can be overridden by `poolkit:overrides.<field>`. */
export interface Preset {
  /** DATABASE_CONNECTION_LIMIT: connections of the application's pool, per replica. Change: live. */
  readonly connectionLimit: number;
  /** DATABASE_POOL_TIMEOUT in seconds: how long a request waits for a pooled connection. Change: live. */
  readonly poolTimeoutSeconds: number;
  /** USE_ENHANCED_POOLING: true = our own `pg.Pool` with counters, false = the pool of Prisma's adapter. Change: live. */
  readonly enhancedPooling: boolean;
  /** Clients that PgBouncer accepts (`max_client_conn`). Change: RELOAD. */
  readonly maxClientConnections: number;
  /** Server connections per (database, user) pair (`default_pool_size`). Change: RELOAD. */
  readonly poolSize: number;
  /** Extra server connections once a client has waited `reservePoolTimeoutSeconds` (`reserve_pool_size`). Change: RELOAD. */
  readonly reservePoolSize: number;
  /** Hard cap of server connections to the database (`max_db_connections`). Change: RELOAD. */
  readonly maxDatabaseConnections: number;
  /** How long PgBouncer queues a client before it disconnects it (`query_wait_timeout`). Change: RELOAD. */
  readonly queryWaitTimeoutSeconds: number;
  /** `statement_timeout` of the application's role. Change: ALTER ROLE and RECONNECT. */
  readonly statementTimeoutSeconds: number;
  /** `idle_in_transaction_session_timeout` of the application's role. Change: ALTER ROLE and RECONNECT. */
  readonly idleInTransactionTimeoutSeconds: number;
  /** `lock_timeout` of the application's role. Change: ALTER ROLE and RECONNECT. */
  readonly lockTimeoutSeconds: number;
  /** PgBouncer's `server_connect_timeout`. Change: RELOAD. */
  readonly serverConnectTimeoutSeconds: number;
  /** PgBouncer's `server_login_retry`: sets how soon service is back after Postgres restarts. Change: RELOAD. */
  readonly serverLoginRetrySeconds: number;
  /** PgBouncer's `reserve_pool_timeout`. Change: RELOAD. */
  readonly reservePoolTimeoutSeconds: number;
  /** Prisma's `maxWait` for an interactive transaction. Change: live. */
  readonly transactionMaxWaitSeconds: number;
  /** Prisma's `timeout` for an interactive transaction. Change: live. */
  readonly transactionTimeoutSeconds: number;
  /** How long the application keeps an idle connection. Change: live. */
  readonly applicationIdleSeconds: number;
  /** How long the application keeps any connection; without an end, PgBouncer could never be drained. Change: live. */
  readonly applicationLifetimeSeconds: number;
  /**
   * DATABASE_RETRY_BUDGET in seconds: how long the application repeats a request's failing database work; the last
   * attempt begins before it is used up. 0 = never. Change: live.
   */
  readonly retryBudgetSeconds: number;
  /** How long the application may take to stop: the longest request it drains. Change: live. */
  readonly stopGraceSeconds: number;
  /** true = Pulumi refuses to delete the data volume. Change: state only. */
  readonly protectData: boolean;
}

/** Host ports on 127.0.0.1. Change: replaces the container concerned. */
export interface HostPorts {
  readonly app: number;
  readonly pgbouncer: number;
  readonly postgres: number;
  /** Used only where `poolkit:observability` is on. */
  readonly prometheus: number;
}

/** DATABASE_CONNECTION_LIMIT and DATABASE_POOL_TIMEOUT are the guide's numbers; the rest nests around them. */
export const presets: Readonly<Record<PresetName, Preset>> = Object.freeze({
  dev: {
    connectionLimit: 10,
    poolTimeoutSeconds: 30,
    enhancedPooling: false,
    maxClientConnections: 50,
    poolSize: 5,
    reservePoolSize: 2,
    maxDatabaseConnections: 10,
    queryWaitTimeoutSeconds: 20,
    statementTimeoutSeconds: 30,
    idleInTransactionTimeoutSeconds: 60,
    lockTimeoutSeconds: 10,
    serverConnectTimeoutSeconds: 5,
    serverLoginRetrySeconds: 2,
    reservePoolTimeoutSeconds: 3,
    transactionMaxWaitSeconds: 5,
    transactionTimeoutSeconds: 30,
    applicationIdleSeconds: 30,
    applicationLifetimeSeconds: 1800,
    retryBudgetSeconds: 5,
    stopGraceSeconds: 85,
    protectData: false,
  },
  prod: {
    connectionLimit: 20,
    poolTimeoutSeconds: 10,
    enhancedPooling: true,
    maxClientConnections: 200,
    poolSize: 15,
    reservePoolSize: 5,
    maxDatabaseConnections: 25,
    queryWaitTimeoutSeconds: 5,
    statementTimeoutSeconds: 15,
    idleInTransactionTimeoutSeconds: 20,
    lockTimeoutSeconds: 5,
    serverConnectTimeoutSeconds: 3,
    serverLoginRetrySeconds: 1,
    reservePoolTimeoutSeconds: 2,
    transactionMaxWaitSeconds: 5,
    transactionTimeoutSeconds: 15,
    applicationIdleSeconds: 10,
    applicationLifetimeSeconds: 1800,
    retryBudgetSeconds: 5,
    stopGraceSeconds: 40,
    protectData: true,
  },
  "high-load": {
    connectionLimit: 50,
    poolTimeoutSeconds: 5,
    enhancedPooling: true,
    maxClientConnections: 500,
    poolSize: 30,
    reservePoolSize: 10,
    maxDatabaseConnections: 50,
    queryWaitTimeoutSeconds: 3,
    statementTimeoutSeconds: 8,
    idleInTransactionTimeoutSeconds: 10,
    lockTimeoutSeconds: 3,
    serverConnectTimeoutSeconds: 2,
    serverLoginRetrySeconds: 1,
    reservePoolTimeoutSeconds: 1,
    transactionMaxWaitSeconds: 3,
    transactionTimeoutSeconds: 8,
    applicationIdleSeconds: 5,
    applicationLifetimeSeconds: 900,
    retryBudgetSeconds: 5,
    stopGraceSeconds: 30,
    protectData: true,
  },
});

/** Processor cores that the pool sizes of a preset are meant for; `poolkit:budget.databaseCores` says what is there. */
export const assumedDatabaseCores: Readonly<Record<PresetName, number>> = Object.freeze({
  dev: 2,
  prod: 4,
  "high-load": 8,
});

/**
 * The same for every stack and not part of a preset, so that a switch of presets moves no port (which would replace
 * containers). `Pulumi.prod.yaml` and `Pulumi.high-load.yaml` set others, so that all three fit on one engine.
 */
export const defaultPorts: HostPorts = Object.freeze({
  app: 3000,
  pgbouncer: 6432,
  postgres: 5433,
  prometheus: 9090,
});

/**
 * What cannot change without a restart is sized once for the largest preset, so that a switch of presets restarts
 * nothing. `infra/budget` proves that every configuration fits into it.
 */
export interface RestartOnlyLimits {
  /** Postgres' `max_connections`. */
  readonly postgresMaxConnections: number;
  /** Postgres' `superuser_reserved_connections`: the way in for a person when everything else is full. */
  readonly superuserReservedConnections: number;
  /** Postgres' `reserved_connections` (for roles with pg_use_reserved_connections): the kit has none. */
  readonly reservedConnections: number;
  /** PgBouncer's descriptors (`nofile`). */
  readonly pgbouncerOpenFiles: number;
  /** Memory limits of the containers in MiB: limits, not reservations. */
  readonly postgresMemoryMegabytes: number;
  readonly pgbouncerMemoryMegabytes: number;
  /** Where `poolkit:observability` is on: a few hundred series for two weeks; each exporter passes figures on. */
  readonly prometheusMemoryMegabytes: number;
  readonly exporterMemoryMegabytes: number;
  /** Postgres' `shared_buffers`, `work_mem`, `maintenance_work_mem` in MiB and `autovacuum_max_workers`. */
  readonly sharedBuffersMegabytes: number;
  readonly workMegabytes: number;
  readonly maintenanceWorkMegabytes: number;
  readonly autovacuumWorkers: number;
}

/** The limits that every stack is started with. */
export const restartOnlyLimits: RestartOnlyLimits = Object.freeze({
  postgresMaxConnections: 100,
  superuserReservedConnections: 3,
  reservedConnections: 0,
  pgbouncerOpenFiles: 4096,
  postgresMemoryMegabytes: 2048,
  pgbouncerMemoryMegabytes: 128,
  prometheusMemoryMegabytes: 256,
  exporterMemoryMegabytes: 64,
  sharedBuffersMegabytes: 256,
  workMegabytes: 4,
  maintenanceWorkMegabytes: 64,
  autovacuumWorkers: 3,
});
