import type { Layers } from "../health/health-body.ts";

/** How much of something limited is in use. Null = could not be seen. */
export interface Usage {
  readonly used: number | null;
  readonly limit: number | null;
  /** Why there are no figures; null where there are. */
  readonly reason: string | null;
}

/** The figures that the page shows large. */
export interface Figures {
  readonly application: Usage;
  /** PgBouncer's connections to Postgres, over all its pools, reserves included. */
  readonly pgbouncer: Usage;
  /** Clients of PgBouncer against max_client_conn. */
  readonly clients: Usage;
  readonly postgres: Usage;
  readonly waiting: { readonly application: number; readonly pgbouncer: number | null };
  readonly longestWaitSeconds: number;
}

type PgBouncerSection = Layers["pool"]["pgbouncer"];
/** PgBouncer's figures, or null where nobody could look. */
export const seenPgBouncer = (section: PgBouncerSection) => ("pools" in section ? section : null);

/** Draws the large figures out of the sections of the health body. */
export function figuresOf({ pool }: Pick<Layers, "pool">): Figures {
  const { application, postgres } = pool;
  const pgbouncer = seenPgBouncer(pool.pgbouncer);
  const pools = pgbouncer?.pools ?? [];
  const sum = (ofPool: (row: (typeof pools)[number]) => number) =>
    pgbouncer === null ? null : pools.reduce((total, row) => total + ofPool(row), 0);
  const reason = "reason" in pool.pgbouncer ? pool.pgbouncer.reason : null;
  // In standard mode nobody knows the pool's own counters: what runs beyond the limit must wait.
  const isCounted = application.totalCount !== null;
  return {
    application: {
      used: isCounted
        ? application.totalCount - application.idleCount
        : Math.min(application.runningCount, application.limit),
      limit: application.limit,
      reason: null,
    },
    pgbouncer: {
      used: sum(({ sv_active }) => sv_active),
      limit: sum(({ poolSize, reservePoolSize }) => (poolSize ?? 0) + (reservePoolSize ?? 0)),
      reason,
    },
    clients: {
      used: sum(({ cl_active, cl_waiting }) => cl_active + cl_waiting),
      limit: pgbouncer?.maxClientConn ?? null,
      reason,
    },
    postgres:
      "reason" in postgres
        ? { used: null, limit: null, reason: postgres.reason }
        : { used: postgres.usedConnections, limit: postgres.maxConnections, reason: null },
    waiting: {
      application: isCounted
        ? application.waitingCount
        : Math.max(application.runningCount - application.limit, 0),
      pgbouncer: sum(({ cl_waiting }) => cl_waiting),
    },
    longestWaitSeconds: Math.max(
      application.longestWaitMs / 1000,
      ...pools.map(({ maxwaitSeconds }) => maxwaitSeconds),
    ),
  };
}
