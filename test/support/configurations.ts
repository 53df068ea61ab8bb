import type { SizingInput } from "../../infra/sizing.ts";

export type Wanted = Partial<Omit<SizingInput, "databaseName">>;

export function input(wanted: Wanted = {}): SizingInput {
  const nothing = { overrides: {}, pgbouncer: {}, budget: {}, application: {}, observability: false };
  return { presetName: "prod", databaseName: "poolkit", ...nothing, ...wanted };
}

export const overrides = (values: Record<string, unknown>, rest: Wanted = {}) =>
  input({ overrides: values, ...rest });
export const pgbouncer = (values: Record<string, unknown>, rest: Wanted = {}) =>
  input({ pgbouncer: values, ...rest });
export const database = (values: Record<string, unknown>) => pgbouncer({ databases: { poolkit: values } });
export const user = (values: Record<string, unknown>) => pgbouncer({ users: { poolkit_app: values } });

/**
 * Configurations whose every value is allowed on its own and that do not fit together:
 * [what, configuration, path of a problem, what its text must say]
 */
export const badConfigurations: [string, SizingInput, string, string][] = [
  // clients of PgBouncer
  [
    "an application pool beyond PgBouncer's clients",
    overrides({ connectionLimit: 100 }),
    "overrides.connectionLimit",
    "= 210 clients",
  ],
  ["one client too many", overrides({ connectionLimit: 97 }), "overrides.connectionLimit", "= 204 clients"],
  [
    "PgBouncer below its clients",
    overrides({ maxClientConnections: 46 }),
    "overrides.maxClientConnections",
    "46 (max_client_conn)",
  ],
  [
    "the same under PgBouncer's name",
    pgbouncer({ max_client_conn: 46 }),
    "pgbouncer.max_client_conn",
    "46 (max_client_conn)",
  ],
  [
    "other clients that do not fit",
    input({ budget: { otherClients: 154 } }),
    "budget.otherClients",
    "= 204 clients",
  ],
  [
    "dev with prod's pool",
    overrides({ connectionLimit: 50 }, { presetName: "dev" }),
    "overrides.connectionLimit",
    "at most 50",
  ],
  [
    "high-load with a huge pool",
    overrides({ connectionLimit: 1000 }, { presetName: "high-load" }),
    "overrides.connectionLimit",
    "2000",
  ],
  [
    "replicas elsewhere that do not fit",
    input({ budget: { otherReplicas: 5 } }),
    "budget.otherReplicas",
    "10 x processes 1 x connectionLimit 20",
  ],
  [
    "one set of replicas elsewhere too many",
    input({ budget: { otherReplicas: 4, surge: 2 } }),
    "budget.otherReplicas",
    "200 (max_client_conn)",
  ],
  [
    "more processes of an own application than clients",
    input({ application: { image: "shop:1", processes: 11 } }),
    "application.processes",
    "= 223 clients",
  ],
  [
    "an own application's direct connections",
    input({ application: { image: "shop:1", directUrlVariable: "DIRECT_URL", directConnections: 70 } }),
    "application.directConnections",
    "97",
  ],
  [
    "an own application larger than the machine",
    input({
      application: { image: "shop:1", memoryMegabytes: 4096 },
      budget: { hostMegabytes: 4096 },
    }),
    "application.memoryMegabytes",
    "4096 (budget.hostMegabytes)",
  ],
  [
    "exporters that no client of PgBouncer is left for",
    overrides({ maxClientConnections: 51 }, { observability: true }),
    "overrides.maxClientConnections",
    "= 52 clients",
  ],
  [
    "an exporter that no connection of Postgres is left for",
    input({ budget: { otherConnections: 55 }, observability: true }),
    "budget.otherConnections",
    "= 98 connections",
  ],
  [
    "Prometheus on a machine that is full without it",
    input({ budget: { hostMegabytes: 2688 }, observability: true }),
    "budget.hostMegabytes",
    "3072 MiB",
  ],
  [
    "a machine that is too small",
    input({ budget: { hostMegabytes: 2048 } }),
    "budget.hostMegabytes",
    "2688 MiB",
  ],
  [
    "peers that fill Postgres",
    pgbouncer({
      peer_id: 1,
      peers: { 2: { host: "b" }, 3: { host: "c" }, 4: { host: "d" }, 5: { host: "e" } },
    }),
    "overrides.poolSize",
    "x 5 processes",
  ],
  [
    "a limit on the database's clients",
    database({ max_db_client_connections: 42 }),
    "pgbouncer.databases.poolkit.max_db_client_connections",
    "= 45 clients",
  ],
  [
    "a global limit on every database's clients",
    pgbouncer({ max_db_client_connections: 30 }),
    "pgbouncer.max_db_client_connections",
    "30",
  ],
  [
    "a limit on the role's clients",
    user({ max_user_client_connections: 42 }),
    "pgbouncer.users.poolkit_app.max_user_client_connections",
    "= 45 clients",
  ],
  [
    "a limit that shuts the health probe out",
    pgbouncer({ users: { poolkit_monitor: { max_user_client_connections: 1 } } }),
    "pgbouncer.users.poolkit_monitor.max_user_client_connections",
    "console",
  ],
  [
    "a global limit on every role's clients",
    pgbouncer({ max_user_client_connections: 2 }),
    "pgbouncer.max_user_client_connections",
    "= 4 clients",
  ],
  // connections of Postgres
  [
    "a pool beyond Postgres",
    overrides({ poolSize: 90, maxDatabaseConnections: 90 }),
    "overrides.poolSize",
    "= 97 connections",
  ],
  [
    "a reserve beyond Postgres",
    overrides({ reservePoolSize: 90, maxDatabaseConnections: 90 }),
    "overrides.reservePoolSize",
    "97",
  ],
  [
    "the same under PgBouncer's name",
    pgbouncer({ default_pool_size: 200, max_db_connections: 0 }),
    "pgbouncer.default_pool_size",
    "too many clients already",
  ],
  [
    "a pool without a limit",
    pgbouncer({ default_pool_size: 0, max_db_connections: 0 }),
    "pgbouncer.default_pool_size",
    "too many clients already",
  ],
  [
    "a pool of the database's own",
    database({ pool_size: 85, max_db_connections: 90 }),
    "pgbouncer.databases.poolkit.pool_size",
    "superuser_reserved_connections",
  ],
  [
    "a pool of the role's own",
    pgbouncer({ max_db_connections: 0, users: { poolkit_app: { pool_size: 80 } } }),
    "pgbouncer.users.poolkit_app.pool_size",
    "97",
  ],
  [
    "a second database entry",
    pgbouncer({ databases: { poolkit_jobs: { pool_size: 60, max_db_connections: 70 } } }),
    "pgbouncer.databases.poolkit_jobs.pool_size",
    "poolkit_jobs/poolkit_app",
  ],
  [
    "three entries that fit only alone",
    pgbouncer({ databases: { a: { pool_size: 25 }, b: { pool_size: 25 }, c: { pool_size: 25 } } }),
    "pgbouncer.databases.a.pool_size",
    "97",
  ],
  [
    "direct connections that do not fit",
    input({ budget: { otherConnections: 59 } }),
    "budget.otherConnections",
    "= 99 connections",
  ],
  [
    "high-load with one more exporter than fits",
    input({ presetName: "high-load", budget: { otherConnections: 37 } }),
    "budget.otherConnections",
    "= 99 connections",
  ],
  // pools and their caps
  [
    "a cap below the pool",
    overrides({ maxDatabaseConnections: 10 }),
    "overrides.maxDatabaseConnections",
    "10 (max_db_connections)",
  ],
  ["a pool above the cap", overrides({ poolSize: 26 }), "overrides.poolSize", "25 (max_db_connections)"],
  [
    "a cap of the database's own",
    database({ max_db_connections: 14 }),
    "pgbouncer.databases.poolkit.max_db_connections",
    "14 (max_db_connections)",
  ],
  [
    "a cap of the role",
    user({ max_user_connections: 14 }),
    "pgbouncer.users.poolkit_app.max_user_connections",
    "14 (max_user_connections)",
  ],
  [
    "a global cap of roles",
    pgbouncer({ max_user_connections: 14 }),
    "pgbouncer.max_user_connections",
    "14 (max_user_connections)",
  ],
  ["a minimum above the size", pgbouncer({ min_pool_size: 16 }), "pgbouncer.min_pool_size", "15 (pool_size"],
  [
    "a minimum of the database above its size",
    database({ min_pool_size: 9, pool_size: 8 }),
    "pgbouncer.databases.poolkit.min_pool_size",
    "8 (pool_size",
  ],
  // queue
  [
    "transactions too long for the queue",
    overrides({ connectionLimit: 90 }, { budget: { transactionMilliseconds: 1000 } }),
    "overrides.connectionLimit",
    "query_wait_timeout / 2",
  ],
  [
    "a pool too small for the queue",
    overrides({ poolSize: 1, reservePoolSize: 0 }, { budget: { transactionMilliseconds: 200 } }),
    "overrides.poolSize",
    "query_wait_timeout / 2",
  ],
  [
    "a role's short patience",
    pgbouncer(
      { users: { poolkit_app: { query_wait_timeout: 4 } } },
      { budget: { transactionMilliseconds: 8000 } },
    ),
    "pgbouncer.users.poolkit_app.query_wait_timeout",
    "2 (query_wait_timeout / 2)",
  ],
  [
    "a cap of the role that another entry may use up",
    pgbouncer(
      {
        databases: { jobs: { pool_size: 4, reserve_pool_size: 1 } },
        users: { poolkit_app: { max_user_connections: 16 } },
      },
      { budget: { transactionMilliseconds: 1000 } },
    ),
    "pgbouncer.users.poolkit_app.max_user_connections",
    "(45 clients - 11 servers) / 11",
  ],
  [
    "a cap of the role that one entry alone may use up",
    pgbouncer({ databases: { jobs: {} }, users: { poolkit_app: { max_user_connections: 20 } } }),
    "pgbouncer.users.poolkit_app.max_user_connections",
    "21 connections (pool poolkit/poolkit_app has a server",
  ],
  [
    "a cap of the role in session mode that another entry may use up",
    pgbouncer({
      pool_mode: "session",
      default_pool_size: 50,
      max_db_connections: 60,
      databases: { jobs: { pool_size: 6, reserve_pool_size: 0 } },
      users: { poolkit_app: { max_user_connections: 50 } },
    }),
    "pgbouncer.default_pool_size",
    "44 (server connections of poolkit/poolkit_app)",
  ],
  // modes
  [
    "session mode for more clients than servers",
    pgbouncer({ pool_mode: "session" }),
    "overrides.connectionLimit",
    "server connections of poolkit/poolkit_app",
  ],
  [
    "session mode of the database",
    database({ pool_mode: "session", pool_size: 20 }),
    "pgbouncer.databases.poolkit.pool_size",
    "server connections of poolkit/poolkit_app",
  ],
  [
    "session mode with servers that are another pool's",
    pgbouncer({ databases: { poolkit: { pool_mode: "session", pool_size: 20 }, jobs: {} } }),
    "pgbouncer.databases.poolkit.pool_size",
    "25 (server connections of poolkit/poolkit_app)",
  ],
  [
    "direct connections of copies elsewhere",
    input({
      application: { image: "shop:1", directUrlVariable: "DIRECT_URL", directConnections: 15 },
      budget: { otherReplicas: 2 },
    }),
    "application.directConnections",
    "75 (application past PgBouncer",
  ],
  [
    "probes of copies elsewhere that do not fit",
    overrides({ maxClientConnections: 3000 }, { budget: { otherReplicas: 40 } }),
    "budget.otherReplicas",
    "165 (monitoring role",
  ],
  [
    "a reserve that is switched off by its timer",
    pgbouncer({ reserve_pool_timeout: 0 }),
    "pgbouncer.reserve_pool_timeout",
    "the reserve is never used",
  ],
  ["statement mode", pgbouncer({ pool_mode: "statement" }), "pgbouncer.pool_mode", "transaction"],
  [
    "statement mode of the database",
    database({ pool_mode: "statement" }),
    "pgbouncer.databases.poolkit.pool_mode",
    "transaction",
  ],
  [
    "statement mode of the role",
    user({ pool_mode: "statement" }),
    "pgbouncer.users.poolkit_app.pool_mode",
    "transaction",
  ],
  ["no simple protocol", pgbouncer({ disable_pqexec: 1 }), "pgbouncer.disable_pqexec", "health probes"],
  // descriptors and memory
  [
    "more clients than descriptors",
    pgbouncer({ max_client_conn: 10_000 }),
    "pgbouncer.max_client_conn",
    "4096 (nofile",
  ],
  [
    "a little more than descriptors",
    pgbouncer({ max_client_conn: 3950 }),
    "pgbouncer.max_client_conn",
    "4096 (nofile",
  ],
  ["buffers beyond PgBouncer's memory", pgbouncer({ pkt_buf: 1_048_576 }), "pgbouncer.pkt_buf", "MiB"],
  [
    "a pool beyond Postgres' memory",
    overrides({ poolSize: 80, maxDatabaseConnections: 90, reservePoolSize: 5 }),
    "overrides.poolSize",
    "MiB",
  ],
  // timers
  [
    "a stop shorter than a request",
    overrides({ stopGraceSeconds: 20 }),
    "overrides.stopGraceSeconds",
    "= 35 s",
  ],
  [
    "a request longer than the stop",
    overrides({ poolTimeoutSeconds: 60 }),
    "overrides.poolTimeoutSeconds",
    "at most 40",
  ],
  [
    "attempts again beyond the stop",
    overrides({ retryBudgetSeconds: 60 }),
    "overrides.retryBudgetSeconds",
    "= 90 s",
  ],
  [
    "a proxy that gives up before the request ends",
    input({ budget: { requestSeconds: 35 } }),
    "budget.requestSeconds",
    "less than 35",
  ],
  [
    "a login slower than the caller",
    overrides({ poolTimeoutSeconds: 3 }),
    "overrides.poolTimeoutSeconds",
    "less than 3",
  ],
  [
    "a login slower than the queue",
    overrides({ serverConnectTimeoutSeconds: 5 }),
    "overrides.serverConnectTimeoutSeconds",
    "less than 5",
  ],
  [
    "a queue shorter than the login",
    overrides({ queryWaitTimeoutSeconds: 3 }),
    "overrides.queryWaitTimeoutSeconds",
    "less than 3",
  ],
  [
    "a login without an end",
    pgbouncer({ server_connect_timeout: 0 }),
    "pgbouncer.server_connect_timeout",
    "ever made",
  ],
  [
    "a queue without an end",
    pgbouncer({ query_wait_timeout: 0 }),
    "pgbouncer.query_wait_timeout",
    "less than 0",
  ],
  [
    "a queue of the role without an end",
    user({ query_wait_timeout: 0 }),
    "pgbouncer.users.poolkit_app.query_wait_timeout",
    "less than 0",
  ],
  [
    "a queue of the database shorter than the login",
    database({ query_wait_timeout: 2 }),
    "pgbouncer.databases.poolkit.query_wait_timeout",
    "less than 2",
  ],
  [
    "a retry later than the queue",
    overrides({ serverLoginRetrySeconds: 5 }),
    "overrides.serverLoginRetrySeconds",
    "less than 5",
  ],
  [
    "PgBouncer's own default retry",
    pgbouncer({ server_login_retry: 15 }),
    "pgbouncer.server_login_retry",
    "drops everyone",
  ],
  [
    "a reserve that comes too late",
    overrides({ reservePoolTimeoutSeconds: 5 }),
    "overrides.reservePoolTimeoutSeconds",
    "less than 5",
  ],
  [
    "a transaction start outlasting the pool's wait",
    overrides({ transactionMaxWaitSeconds: 11 }),
    "overrides.transactionMaxWaitSeconds",
    "P2028",
  ],
  [
    "a lock wait as long as the statement",
    overrides({ lockTimeoutSeconds: 15 }),
    "overrides.lockTimeoutSeconds",
    "less than 15",
  ],
  [
    "a lock wait below the deadlock check",
    overrides({ lockTimeoutSeconds: 1 }),
    "overrides.lockTimeoutSeconds",
    "less than 1",
  ],
  [
    "a statement longer than its transaction",
    overrides({ statementTimeoutSeconds: 16 }),
    "overrides.statementTimeoutSeconds",
    "at most 15",
  ],
  [
    "a transaction shorter than its statement",
    overrides({ transactionTimeoutSeconds: 10 }),
    "overrides.transactionTimeoutSeconds",
    "at most 10",
  ],
  [
    "a session that dies before its transaction",
    overrides({ idleInTransactionTimeoutSeconds: 15 }),
    "overrides.idleInTransactionTimeoutSeconds",
    "25P03",
  ],
  [
    "a transaction that outlives its session",
    overrides({ transactionTimeoutSeconds: 20, stopGraceSeconds: 60 }),
    "overrides.transactionTimeoutSeconds",
    "25P03",
  ],
  [
    "an idle time beyond the lifetime",
    overrides({ applicationIdleSeconds: 600, applicationLifetimeSeconds: 600 }),
    "overrides.applicationIdleSeconds",
    "less than 600",
  ],
  [
    "a query backstop inside the statement timeout",
    pgbouncer({ query_timeout: 10 }),
    "pgbouncer.query_timeout",
    "less than 10",
  ],
  [
    "a query backstop that forgets the queue, which its clock includes",
    pgbouncer({ query_timeout: 20 }),
    "pgbouncer.query_timeout",
    "less than 20",
  ],
  [
    "a query backstop of the role's own",
    user({ query_timeout: 1 }),
    "pgbouncer.users.poolkit_app.query_timeout",
    "less than 1",
  ],
  [
    "a transaction backstop of the role's own",
    user({ transaction_timeout: 12 }),
    "pgbouncer.users.poolkit_app.transaction_timeout",
    "less than 12",
  ],
  [
    "an idle backstop of the role's own",
    user({ client_idle_timeout: 5 }),
    "pgbouncer.users.poolkit_app.client_idle_timeout",
    "less than 5",
  ],
  [
    "an idle backstop inside Postgres' own",
    pgbouncer({ idle_transaction_timeout: 20 }),
    "pgbouncer.idle_transaction_timeout",
    "less than 20",
  ],
  [
    "a transaction backstop inside the transaction",
    pgbouncer({ transaction_timeout: 12 }),
    "pgbouncer.transaction_timeout",
    "less than 12",
  ],
  [
    "clients closed while the application holds them",
    pgbouncer({ client_idle_timeout: 5 }),
    "pgbouncer.client_idle_timeout",
    "less than 5",
  ],
];

/** Configurations that users may well have: accepted, without a warning. [what, configuration] */
export const sensibleConfigurations: [string, SizingInput][] = [
  ["a smaller application pool", overrides({ connectionLimit: 16 })],
  ["a larger application pool", overrides({ connectionLimit: 60 })],
  ["a smaller server pool", overrides({ poolSize: 8, reservePoolSize: 2 })],
  ["a larger server pool on more cores", overrides({ poolSize: 20 }, { budget: { databaseCores: 8 } })],
  ["no reserve", overrides({ reservePoolSize: 0 })],
  ["more clients", overrides({ maxClientConnections: 1000 })],
  ["other clients that fit", input({ budget: { otherClients: 100 } })],
  ["an exporter and backups", input({ budget: { otherConnections: 5 } })],
  ["short transactions, proved", input({ budget: { transactionMilliseconds: 20 } })],
  [
    "a longer statement with the timers around it",
    overrides({
      statementTimeoutSeconds: 25,
      transactionTimeoutSeconds: 25,
      idleInTransactionTimeoutSeconds: 40,
      stopGraceSeconds: 45,
    }),
  ],
  ["a patient caller", overrides({ poolTimeoutSeconds: 20, stopGraceSeconds: 45 })],
  ["a shorter idle time", overrides({ applicationIdleSeconds: 5, applicationLifetimeSeconds: 600 })],
  ["dev with data to keep", overrides({ protectData: true }, { presetName: "dev" })],
  [
    "dev with the enhanced pool",
    overrides({ enhancedPooling: true, connectionLimit: 15 }, { presetName: "dev" }),
  ],
  ["high-load with a smaller pool", overrides({ poolSize: 24 }, { presetName: "high-load" })],
  [
    "high-load on a bigger machine",
    overrides(
      { poolSize: 40, connectionLimit: 80 },
      { presetName: "high-load", budget: { databaseCores: 16 } },
    ),
  ],
  ["PgBouncer's own names", pgbouncer({ default_pool_size: 12, reserve_pool_size: 4 })],
  ["a pool size of the database's own", database({ pool_size: 10, max_db_connections: 20 })],
  ["a limit of the role's own", user({ max_user_connections: 20, max_user_client_connections: 120 })],
  [
    "a second name with a session pool",
    pgbouncer({
      databases: {
        poolkit_jobs: { pool_mode: "session", pool_size: 3, reserve_pool_size: 0, max_db_connections: 3 },
      },
    }),
  ],
  [
    "PgBouncer's backstops outside the kit's timers",
    pgbouncer({ query_timeout: 60, idle_transaction_timeout: 60, client_idle_timeout: 3600 }),
  ],
  ["replicas elsewhere that fit", input({ budget: { otherReplicas: 2, surge: 2 } })],
  ["a patient proxy and a machine with room", input({ budget: { requestSeconds: 60, hostMegabytes: 8192 } })],
  ["no attempts again", overrides({ retryBudgetSeconds: 0 })],
  ["an own application of four processes", input({ application: { image: "shop:1", processes: 4 } })],
  [
    "a peer, each with half of the pool",
    overrides(
      { poolSize: 8, reservePoolSize: 2 },
      { pgbouncer: { peer_id: 1, peers: { 2: { host: "other", port: 6432 } } } },
    ),
  ],
];

/**
 * Accepted, but with advice: settings that do not go well together.
 * [what, configuration, path of the advice, what its text must say]
 */
export const unsafePairs: [string, SizingInput, string, string][] = [
  [
    "no prepared statements in transaction mode",
    pgbouncer({ max_prepared_statements: 0 }),
    "pgbouncer.max_prepared_statements",
    "26000",
  ],
  [
    "a statement timeout that clients ask for and do not get",
    pgbouncer({ ignore_startup_parameters: "statement_timeout, options" }),
    "pgbouncer.ignore_startup_parameters",
    "statement_timeout",
  ],
  [
    "a lock timeout that clients ask for and do not get",
    pgbouncer({ ignore_startup_parameters: "options,lock_timeout" }),
    "pgbouncer.ignore_startup_parameters",
    "lock_timeout",
  ],
  [
    "session mode without a clean-up between clients",
    pgbouncer({
      server_reset_query: "",
      databases: {
        jobs: { pool_mode: "session", pool_size: 3, reserve_pool_size: 0, max_db_connections: 3 },
      },
    }),
    "pgbouncer.server_reset_query",
    "jobs/poolkit_app",
  ],
  [
    "a clean-up after every transaction",
    pgbouncer({ server_reset_query_always: 1 }),
    "pgbouncer.server_reset_query_always",
    "every transaction",
  ],
  [
    "clients closed before the application renews them",
    pgbouncer({ client_idle_timeout: 600 }),
    "pgbouncer.client_idle_timeout",
    "less than 600",
  ],
];
