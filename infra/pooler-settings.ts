import type { Preset } from "./presets.ts";

/** The preset in PgBouncer's own words (global settings). Times in seconds. */
export function pgbouncerPreset(sizes: Preset): Record<string, string> {
  const values: Record<string, number> = {
    max_client_conn: sizes.maxClientConnections,
    default_pool_size: sizes.poolSize,
    reserve_pool_size: sizes.reservePoolSize,
    reserve_pool_timeout: sizes.reservePoolTimeoutSeconds,
    max_db_connections: sizes.maxDatabaseConnections,
    query_wait_timeout: sizes.queryWaitTimeoutSeconds,
    server_connect_timeout: sizes.serverConnectTimeoutSeconds,
    server_login_retry: sizes.serverLoginRetrySeconds,
    // A client that logs in while Postgres is down waits this long; it must hear of it before its own timeout.
    client_login_timeout: sizes.queryWaitTimeoutSeconds,
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** How long PgBouncer may take to stop or restart: longer than the longest transaction, which it lets end. */
export function poolerStopSeconds(sizes: Preset): number {
  return Math.max(sizes.statementTimeoutSeconds, sizes.transactionTimeoutSeconds) + 5;
}
