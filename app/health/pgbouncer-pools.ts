import type { Observation } from "./health-observation.ts";
import type { PgBouncerPool } from "./health-probes.ts";

/** The pools that the application's own statements go through. */
export function applicationPools({
  pgbouncer,
  applicationUser,
  applicationDatabase,
}: Observation): readonly PgBouncerPool[] {
  if (pgbouncer?.ok !== true) return [];
  return pgbouncer.report.pools.filter(
    ({ user, database }) => user === applicationUser && database === applicationDatabase,
  );
}

/** Clients of the application's that wait in PgBouncer. */
export function waitingClients(seen: Observation): number {
  return applicationPools(seen).reduce((sum, { cl_waiting }) => sum + cl_waiting, 0);
}

/** Whether all server connections of a pool of the application's work. */
export function isFull(seen: Observation): boolean {
  return applicationPools(seen).some(
    ({ sv_active, poolSize }) => poolSize !== null && poolSize > 0 && sv_active >= poolSize,
  );
}

/** How long a client of the application's has waited in PgBouncer, in seconds; 0 = nobody waits. */
export function longestWaitSeconds(seen: Observation): number {
  return Math.max(0, ...applicationPools(seen).map(({ maxwaitSeconds }) => maxwaitSeconds));
}

/** Connections that do something for the application: in Postgres where that can be seen, else in the own pool. */
export function busyConnections(seen: Observation): number {
  const servers = applicationPools(seen).reduce((sum, { sv_active }) => sum + sv_active, 0);
  return Math.max(servers, seen.pgbouncer?.ok === true ? 1 : Math.min(seen.pool.running, seen.pool.limit), 1);
}

/** The connections to Postgres that the application's pool may have, in words. */
export function serverConnections(seen: Observation): string {
  const size = applicationPools(seen)[0]?.poolSize ?? null;
  return size === null ? "server connections" : `${size} server connections`;
}
