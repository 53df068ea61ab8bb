import { type Preset, restartOnlyLimits } from "./presets.ts";

/** The connection path's limits from the application to Postgres, as the stack's output `poolLimits` shows them. */
export interface PoolLimits {
  /** Pool of one application replica. */
  readonly application: number;
  /** PgBouncer's `max_client_conn`. */
  readonly pgbouncerClients: number;
  /** PgBouncer's `default_pool_size`, `reserve_pool_size` and `max_db_connections`. */
  readonly pgbouncerPool: number;
  readonly pgbouncerReserve: number;
  readonly pgbouncerDatabase: number;
  /** Postgres' `max_connections`. */
  readonly postgres: number;
}

/** From what PgBouncer is really given, so that `poolkit:pgbouncer` counts. */
export function poolLimits(sizes: Preset, pgbouncer: Readonly<Record<string, string>>): PoolLimits {
  return {
    application: sizes.connectionLimit,
    pgbouncerClients: Number(pgbouncer.max_client_conn),
    pgbouncerPool: Number(pgbouncer.default_pool_size),
    pgbouncerReserve: Number(pgbouncer.reserve_pool_size),
    pgbouncerDatabase: Number(pgbouncer.max_db_connections),
    postgres: restartOnlyLimits.postgresMaxConnections,
  };
}
