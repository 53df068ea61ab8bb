import type { DatabaseSettings } from "../config/config.ts";
import type { PoolState } from "../database/pool-state.ts";
import type { ProbeResult } from "../database/probe-connection.ts";
import type { LeakReport } from "./health-holders.ts";
import type { RoleLimits } from "./health-limits.ts";
import type { PathReport, PgBouncerReport, PostgresReport } from "./health-probes.ts";

/** Everything that a verdict is made of, seen within one look. A probe is null where it was not configured. */
export interface Observation {
  readonly path: ProbeResult<PathReport>;
  readonly postgres: ProbeResult<PostgresReport> | null;
  readonly pgbouncer: ProbeResult<PgBouncerReport> | null;
  /** Whether Postgres can write. */
  readonly disk: ProbeResult<unknown> | null;
  readonly pool: PoolState;
  /** Connections that the pool has given away for too long; null where nobody can know (standard mode). */
  readonly leaks: LeakReport | null;
  /** The application's own limits in force. */
  readonly settings: Pick<DatabaseSettings, "acquireTimeoutSeconds" | "transactionTimeoutSeconds">;
  /** The role's limits as last seen; null before the first look that came through. */
  readonly limits: RoleLimits | null;
  /** The role that the application logs in as: only its statements can be slow in the sense of slow_queries. */
  readonly applicationUser: string;
  /** PgBouncer's entry that the application connects to. */
  readonly applicationDatabase: string;
  readonly expectedMigrations: readonly string[];
  readonly configurationError: string | null;
}

/** Migrations that this build needs and the database has not; null where that could not be seen. */
export function pendingMigrations({
  path,
  expectedMigrations,
}: Pick<Observation, "path" | "expectedMigrations">): string[] | null {
  if (!path.ok || path.report.migrations === null) return null;
  const applied = new Set(path.report.migrations);
  return expectedMigrations.filter((migration) => !applied.has(migration));
}
