import { jobs } from "./rules.ts";

/** A line of a panel, or as many as its expression has series. */
export interface Line {
  readonly expr: string;
  /** Name of the line; `{{label}}` is the value of a label. */
  readonly legend: string;
}

/** A time series of the dashboard. */
export interface Panel {
  readonly title: string;
  /** What it means when the lines move, and what to look at then. */
  readonly description: string;
  /** Grafana's name of the unit. */
  readonly unit: "short" | "s" | "ops" | "reqps" | "bytes";
  readonly lines: readonly Line[];
}

/** Panels beside each other under a heading. */
export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** `$stack` is chosen in Grafana: one dashboard serves all stacks that send to the same Prometheus. */
const stack = 'stack="$stack"';
/** The stack's own targets: a PgBouncer or Postgres that `poolkit:scrape` adds has figures of the same names. */
const jobOf = (metric: string) => {
  if (metric.startsWith("pgbouncer_")) return jobs.pgbouncer;
  return metric.startsWith("pg_") ? jobs.postgres : jobs.app;
};
const of = (metric: string, labels = "") =>
  `${metric}{${[stack, `job="${jobOf(metric)}"`, labels].filter(Boolean).join(",")}}`;
/** PgBouncer's console and Postgres' own databases are not what the application uses. */
const pools = 'database!="pgbouncer"';
const databases = 'datname!~"template.*|postgres"';
/** PgBouncer counts those that have been idle for more than server_check_delay (30 s) by another name. */
const idleServers = `${of("pgbouncer_pools_server_idle_connections", pools)} + ${of("pgbouncer_pools_server_used_connections", pools)}`;
const rate = (metric: string, labels?: string) => `rate(${of(metric, labels)}[$__rate_interval])`;
const quantile = (share: number, histogram: string, labels?: string) =>
  `histogram_quantile(${share}, sum by (le) (${rate(`${histogram}_bucket`, labels)}))`;
const quantiles = (histogram: string, labels?: string): Line[] => [
  { expr: quantile(0.5, histogram, labels), legend: "median" },
  { expr: quantile(0.99, histogram, labels), legend: "99 %" },
];
const requests = "http_server_request_duration_seconds";
/** The stream of an open page lasts for as long as somebody watches. */
const noStream = 'http_route!="/admin/database/events"';
/** Whose caller went away before an answer. */
const unanswered = 'http_response_status_code=""';

/** Along the path of a request, from the outside in: where it waits is where the lines rise first. */
export const sections: readonly Section[] = [
  {
    title: "Stack",
    panels: [
      {
        title: "Targets that answer",
        description:
          "0 = Prometheus cannot scrape it: it is down, hangs, cannot be reached or refuses the request.",
        unit: "short",
        lines: [
          { expr: `up{${stack}}`, legend: "{{job}}" },
          { expr: of("pgbouncer_up"), legend: "login to PgBouncer" },
          { expr: of("pg_up"), legend: "login to Postgres" },
        ],
      },
      {
        title: "Requests",
        description:
          "Per second. 503 = shed: the pool's queue is full or the breaker is open. Given up: the caller did not wait for an answer.",
        unit: "reqps",
        lines: [
          {
            expr: `sum by (http_response_status_code) (${rate(`${requests}_count`, 'http_response_status_code!=""')})`,
            legend: "{{http_response_status_code}}",
          },
          { expr: `sum(${rate(`${requests}_count`, unanswered)})`, legend: "given up" },
        ],
      },
      {
        title: "Time of a request",
        description: "From its arrival to the end of the answer, or until the caller went away.",
        unit: "s",
        lines: quantiles(requests, noStream),
      },
      {
        title: "Event loop",
        description:
          "How late timers fire. High with a database that is fast: the process computes, or its container has too little CPU.",
        unit: "s",
        lines: [
          { expr: of("nodejs_eventloop_lag_p50_seconds"), legend: "median" },
          { expr: of("nodejs_eventloop_lag_p99_seconds"), legend: "99 %" },
        ],
      },
    ],
  },
  {
    title: "Application",
    panels: [
      {
        title: "Connections of the pool",
        description: "used = limit, and work waits: the pool is too small or its connections are kept.",
        unit: "short",
        lines: [
          { expr: of("db_client_connection_count"), legend: "{{state}}" },
          { expr: of("db_client_connection_pending_requests"), legend: "waiting" },
          { expr: of("db_client_connection_max"), legend: "limit" },
        ],
      },
      {
        title: "Wait for a connection",
        description: "Enhanced mode. At DATABASE_POOL_TIMEOUT a request gives up.",
        unit: "s",
        lines: quantiles("db_client_connection_wait_time_seconds"),
      },
      {
        title: "Time of a statement",
        description: "With its wait for a connection.",
        unit: "s",
        lines: quantiles("db_client_operation_duration_seconds"),
      },
      {
        title: "What goes wrong",
        description:
          "Per second. Timeouts with free servers in PgBouncer: the application's pool is the narrow place.",
        unit: "ops",
        lines: [
          { expr: rate("db_client_connection_timeouts_total"), legend: "gave up waiting" },
          { expr: `sum by (reason) (${rate("poolkit_retries_total")})`, legend: "repeated: {{reason}}" },
          { expr: rate("poolkit_circuit_opened_total"), legend: "breaker opened" },
          { expr: rate("poolkit_pool_idle_errors_total"), legend: "idle connection lost" },
        ],
      },
    ],
  },
  {
    title: "PgBouncer",
    panels: [
      {
        title: "Clients",
        description: "Waiting for longer than a moment: the pool of servers is the narrow place.",
        unit: "short",
        lines: [
          { expr: of("pgbouncer_pools_client_active_connections", pools), legend: "{{database}} active" },
          { expr: of("pgbouncer_pools_client_waiting_connections", pools), legend: "{{database}} waiting" },
          { expr: of("pgbouncer_config_max_client_connections"), legend: "limit" },
        ],
      },
      {
        title: "Servers",
        description: "active = size for long: poolkit budget --observe says whether the pool is too small.",
        unit: "short",
        lines: [
          { expr: of("pgbouncer_pools_server_active_connections", pools), legend: "{{database}} active" },
          { expr: idleServers, legend: "{{database}} idle" },
          { expr: of("pgbouncer_databases_pool_size", 'name!="pgbouncer"'), legend: "{{name}} size" },
        ],
      },
      {
        title: "Longest wait",
        description: "At query_wait_timeout a client is disconnected.",
        unit: "s",
        lines: [{ expr: of("pgbouncer_pools_client_maxwait_seconds", pools), legend: "{{database}}" }],
      },
      {
        title: "Statements",
        description: "Per second, through PgBouncer.",
        unit: "ops",
        lines: [{ expr: rate("pgbouncer_stats_totals_queries_pooled_total", pools), legend: "{{database}}" }],
      },
    ],
  },
  {
    title: "Postgres",
    panels: [
      {
        title: "Connections",
        description: "idle in transaction holds locks and a server of PgBouncer: poolkit doctor names who.",
        unit: "short",
        lines: [
          { expr: `sum by (state) (${of("pg_stat_activity_count")}) > 0`, legend: "{{state}}" },
          { expr: of("pg_settings_max_connections"), legend: "limit" },
        ],
      },
      {
        title: "Transactions",
        description: "Per second.",
        unit: "ops",
        lines: [
          { expr: rate("pg_stat_database_xact_commit", databases), legend: "{{datname}} committed" },
          { expr: rate("pg_stat_database_xact_rollback", databases), legend: "{{datname}} rolled back" },
        ],
      },
      {
        title: "Longest transaction",
        description: "Long ones keep locks and hold back the vacuum.",
        unit: "s",
        lines: [
          {
            expr: `max by (state) (${of("pg_stat_activity_max_tx_duration", databases)})`,
            legend: "{{state}}",
          },
        ],
      },
      {
        title: "Size of the database",
        description: "On disk, with indexes.",
        unit: "bytes",
        lines: [{ expr: of("pg_database_size_bytes", databases), legend: "{{datname}}" }],
      },
    ],
  },
];
