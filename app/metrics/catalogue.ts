/** What a metric means; the table of docs/metrics.md is made of this. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram" | "untyped";
  readonly help: string;
  readonly labels: readonly string[];
  /** The pool's modes in which it is known. Elsewhere it is absent: a made-up 0 would look like an idle pool. */
  readonly modes: "both" | "enhanced";
}

type Options = Partial<Pick<MetricDefinition, "labels" | "modes">>;
const metric =
  (type: MetricDefinition["type"]) =>
  (help: string, { labels = [], modes = "both" }: Options = {}): MetricDefinition => ({
    type,
    help,
    labels,
    modes,
  });
const counter = metric("counter");
const gauge = metric("gauge");
const histogram = metric("histogram");

/**
 * Every metric of our own, by name. Those of the pool and of HTTP are the names of OpenTelemetry's semantic conventions
 * 1.44 in the form that its Prometheus exporter gives them; what those do not know begins with poolkit_.
 */
export const METRICS = {
  // OpenTelemetry's name ends with what Prometheus keeps for histograms: typed as a gauge, promtool would refuse it.
  db_client_connection_count: metric("untyped")(
    "Connections of the application's pool by state (idle, used).",
    {
      labels: ["pool_name", "state"],
      modes: "enhanced",
    },
  ),
  db_client_connection_max: gauge("Connections that the pool may open (DATABASE_CONNECTION_LIMIT).", {
    labels: ["pool_name"],
  }),
  db_client_connection_pending_requests: gauge("Work that waits for a connection of the pool.", {
    labels: ["pool_name"],
  }),
  db_client_connection_timeouts_total: counter("Work that gave up waiting for a connection of the pool.", {
    labels: ["pool_name"],
  }),
  db_client_connection_wait_time_seconds: histogram(
    "Time from asking for a connection to having it or giving up.",
    { labels: ["pool_name"], modes: "enhanced" },
  ),
  db_client_connection_use_time_seconds: histogram("Time from getting a connection to giving it back.", {
    labels: ["pool_name"],
    modes: "enhanced",
  }),
  db_client_operation_duration_seconds: histogram(
    "Time of one statement or step of a transaction, its wait for a connection included; each repetition counts.",
    { labels: ["db_system_name", "db_operation_name", "error_type"] },
  ),
  poolkit_pool_connections_opened_total: counter("Connections that the pool has opened.", {
    labels: ["pool_name"],
    modes: "enhanced",
  }),
  poolkit_pool_connections_closed_total: counter("Connections that the pool has closed or lost.", {
    labels: ["pool_name"],
    modes: "enhanced",
  }),
  poolkit_pool_idle_errors_total: counter("Connections that broke while they lay idle in the pool.", {
    labels: ["pool_name"],
  }),
  poolkit_pool_leaks_total: counter("Connections that were kept longer than DATABASE_LEAK_THRESHOLD.", {
    labels: ["pool_name"],
    modes: "enhanced",
  }),
  poolkit_pool_overdue_connections: gauge(
    "Connections that are kept longer than DATABASE_LEAK_THRESHOLD now.",
    {
      labels: ["pool_name"],
      modes: "enhanced",
    },
  ),
  poolkit_pool_work_running: gauge("Statements and transactions under way, those that wait included.", {
    labels: ["pool_name"],
  }),
  poolkit_pool_longest_wait_seconds: gauge("For how long the longest-waiting work has had no connection.", {
    labels: ["pool_name"],
  }),
  poolkit_pool_draining: gauge("Former pools of a live change whose last work has not ended.", {
    labels: ["pool_name"],
  }),
  poolkit_retries_total: counter("Repeated attempts by what the attempt before had failed with.", {
    labels: ["reason"],
  }),
  poolkit_retries_given_up_total: counter("Work whose DATABASE_RETRY_BUDGET was used up by repetitions."),
  poolkit_circuit_state: gauge("1 for the state of the circuit breaker (closed, open, half_open), else 0.", {
    labels: ["state"],
  }),
  poolkit_circuit_opened_total: counter("How often the circuit breaker has opened."),
  poolkit_processing_stages_total: counter("Work on stages by stage and by how it ended.", {
    labels: ["stage", "outcome"],
  }),
  poolkit_processing_stages_taken_over_total: counter(
    "Stages whose work was for nothing, because another process had taken them over.",
  ),
  poolkit_processing_batches_running: gauge("Batches of stages under way."),
  poolkit_processing_batch_duration_seconds: histogram("Time of a batch of stages, from claim to result."),
  poolkit_processing_paused: gauge("1 while processing waits for the database to answer, else 0."),
  poolkit_imports_total: counter("Imports by how they ended.", { labels: ["outcome"] }),
  poolkit_imports_running: gauge("Imports under way."),
  poolkit_imports_abandoned_total: counter(
    "Imports of processes that are gone, marked as failed by this one.",
  ),
  poolkit_import_rows_total: counter("Rows of ended imports by what became of them.", { labels: ["result"] }),
  http_server_request_duration_seconds: histogram(
    "Time of an HTTP request until it was answered or given up; the route is its template.",
    { labels: ["http_request_method", "http_route", "http_response_status_code"] },
  ),
  http_server_active_requests: gauge("HTTP requests that are not answered to their end."),
  poolkit_log_lines_left_out_total: counter("Log lines that were not written because there were too many."),
  poolkit_config_last_reload_successful: gauge(
    "0 after a configuration was refused and the former one stayed.",
  ),
  poolkit_app_info: gauge("1; what runs here.", {
    labels: ["version", "release_id", "stack", "preset", "mode"],
  }),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
