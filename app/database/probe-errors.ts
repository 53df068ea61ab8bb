import { classifyFailure, type FailureKind } from "./database-failure.ts";

/** What a failed probe means. The words are for rules, never the error's own text: that may name hosts and users. */
export type ProbeFailure =
  | "dns"
  | "unreachable"
  | "timeout"
  | "login"
  | "upstream_down"
  | "disabled"
  | "client_limit"
  | "queue_timeout"
  | "connections_exhausted"
  | "disk_full"
  | "missing_table"
  | "forbidden"
  | "other";

/**
 * What each failure of the database layer means to one who only asks whether the way is open: there is nothing to
 * repeat, so it does not matter how far a statement came.
 */
const MEANING: Readonly<Record<FailureKind, ProbeFailure>> = {
  dns: "dns",
  unreachable: "unreachable",
  connect_timeout: "timeout",
  upstream_down: "upstream_down",
  // Also what PgBouncer quotes to a client that logs in: Postgres is the one who is not there, not PgBouncer.
  starting: "upstream_down",
  pooler_disabled: "disabled",
  pooler_stopping: "unreachable",
  stale_connection: "unreachable",
  connection_lost: "unreachable",
  client_limit: "client_limit",
  queue_timeout: "queue_timeout",
  connections_exhausted: "connections_exhausted",
  login: "login",
  timeout: "timeout",
  disk_full: "disk_full",
  missing_table: "missing_table",
  forbidden: "forbidden",
  // Nothing that a probe's own connection and its fixed queries can meet, or nothing that has a name here.
  pool_exhausted: "other",
  transaction_start: "other",
  startup_parameter: "other",
  tls: "other",
  pool_closed: "other",
  cut_off: "other",
  circuit_open: "other",
  write_conflict: "other",
  conflict: "other",
  missing_reference: "other",
  not_found: "other",
  other: "other",
};

/** Says what a probe's error means, by the one table of errors that the database layer has. */
export function probeFailureOf(error: unknown): ProbeFailure {
  return MEANING[classifyFailure(error)];
}
