import { connectionPath } from "./budget/connection-path.ts";
import { kitDeployment } from "./budget/deployment.ts";
import { restartOnlyLimits } from "./presets.ts";
import type { Sizing, SizingInput } from "./sizing.ts";

/** The connection path's limits from the application to Postgres, as the stack's output `poolLimits` shows them. */
export interface PoolLimits {
  /** Pool of one application replica. */
  readonly application: number;
  /** PgBouncer's `max_client_conn`. */
  readonly pgbouncerClients: number;
  /** `pool_size`, `reserve_pool_size` and `max_db_connections` of the application's pool in PgBouncer. */
  readonly pgbouncerPool: number;
  readonly pgbouncerReserve: number;
  readonly pgbouncerDatabase: number;
  /** Postgres' `max_connections`. */
  readonly postgres: number;
}

/** As PgBouncer resolves them, so that `poolkit:pgbouncer` counts with its entries of roles and databases. Pure. */
export function poolLimits(input: SizingInput, sizing: Sizing): PoolLimits {
  const path = connectionPath(input, sizing, kitDeployment);
  const pool = path.pools.find(({ isApplications }) => isApplications);
  return {
    application: sizing.sizes.connectionLimit,
    pgbouncerClients: path.global("max_client_conn").value,
    pgbouncerPool: pool?.size.value ?? 0,
    pgbouncerReserve: pool?.reserve.value ?? 0,
    pgbouncerDatabase: pool?.databaseCap.value ?? 0,
    postgres: restartOnlyLimits.postgresMaxConnections,
  };
}
