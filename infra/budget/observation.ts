/** What a deployed stack did between two looks. Times in seconds. */
export interface Observation {
  readonly seconds: number;
  /** Transactions through the application's pool, the time they held a server connection, and waited for one. */
  readonly transactions: number;
  readonly transactionSeconds: number;
  readonly waitSeconds: number;
  /** Clients that waited, as seen at each look in between. */
  readonly waitingClients: readonly number[];
  /** Server connections that a client had, at each of these looks. */
  readonly workingConnections: readonly number[];
  /** `pool_size` of the application's pool; 0 = no limit. */
  readonly poolSize: number;
  /** Postgres' own figures (pg_stat_database), all sessions of the database. */
  readonly postgres: {
    readonly transactions: number;
    readonly activeSeconds: number;
    readonly idleInTransactionSeconds: number;
  };
  /** Processor cores of the database server. */
  readonly databaseCores: number;
}

/** Whether the pool fits what was seen, with the figures that say so. */
export interface Advice {
  readonly verdict: "too small" | "limited by cores" | "right" | "too large" | "idle" | "stuck";
  /** Arrival rate in transactions per second (λ). */
  readonly arrivalRate: number;
  /** Mean time a transaction holds a server connection, in seconds (W). */
  readonly transactionSeconds: number;
  /** Mean wait for a server connection, in seconds. */
  readonly waitSeconds: number;
  /** Server connections busy on average: λ x W (Little's law). */
  readonly busyConnections: number;
  /** Clients waiting on average: λ x wait (Little's law again). */
  readonly waitingClients: number;
  /** Smallest pool that carries the load: λ x W / 0.7. */
  readonly neededConnections: number;
  readonly poolSize: number;
  /** Pool size to set; the present one when it is right. */
  readonly suggestedPoolSize: number;
  /** Sessions active inside Postgres on average. */
  readonly activeSessions: number;
  /** Share of a session's time in transactions that it was idle. */
  readonly idleInTransactionShare: number;
  /** Whether more connections would only queue inside Postgres. */
  readonly isLimitedByCores: boolean;
  readonly reason: string;
}

/** Above this share of busy connections waits grow steeply (queueing theory; facts of pool sizing). */
const targetUtilisation = 0.7;
/** Fewer transactions say nothing about a load. */
const fewestTransactions = 100;
/** A pool this many times what is needed holds backends that nobody uses. */
const generous = 3;
const smallestPool = 2;
/** Where the cores are busy, more connections than this only wait in Postgres instead of PgBouncer (docs/sizing.md). */
const connectionsPerCore = 4;

/**
 * Judges the pool by Little's law. Pure.
 * @param allowed the largest size up to the one that is asked for which the account of the stack lets through
 */
export function adviseOn(seen: Observation, allowed: (size: number) => number = (size) => size): Advice {
  const per = (time: number) => (seen.transactions === 0 ? 0 : time / seen.transactions);
  const arrivalRate = seen.transactions / seen.seconds;
  const busy = seen.transactionSeconds / seen.seconds;
  const waiting = seen.waitSeconds / seen.seconds;
  const needed = Math.max(smallestPool, Math.ceil(busy / targetUtilisation));
  const activeSessions = seen.postgres.activeSeconds / seen.seconds;
  const inTransaction = seen.postgres.activeSeconds + seen.postgres.idleInTransactionSeconds;
  const areCoresBusy = activeSessions >= seen.databaseCores;
  const useful = areCoresBusy ? connectionsPerCore * seen.databaseCores : Number.POSITIVE_INFINITY;
  const isQueueing = mostly(seen.waitingClients, (clients) => clients > 0) && waiting >= 0.5;
  const figures = {
    arrivalRate,
    transactionSeconds: per(seen.transactionSeconds),
    waitSeconds: per(seen.waitSeconds),
    busyConnections: busy,
    waitingClients: waiting,
    neededConnections: needed,
    poolSize: seen.poolSize,
    activeSessions,
    idleInTransactionShare: inTransaction === 0 ? 0 : seen.postgres.idleInTransactionSeconds / inTransaction,
    isLimitedByCores: areCoresBusy && (seen.poolSize === 0 || seen.poolSize >= useful),
  };
  const say = (verdict: Advice["verdict"], suggestedPoolSize: number, reason: string): Advice => ({
    ...figures,
    verdict,
    suggestedPoolSize,
    reason,
  });
  if (seen.transactions < fewestTransactions && isStuck(seen)) {
    const size = seen.poolSize === 0 ? "" : ` of ${seen.poolSize}`;
    const reason = `clients wait, ${seen.workingConnections.at(-1) ?? 0}${size} connections are taken and ${seen.transactions} transactions ended: poolkit doctor says what holds them up; look there first`;
    return say("stuck", seen.poolSize, reason);
  }
  if (seen.transactions < fewestTransactions) {
    return say("idle", seen.poolSize, `${seen.transactions} transactions say nothing about a load`);
  }
  if (seen.poolSize > 0 && (needed > seen.poolSize || isQueueing)) {
    const reason = isQueueing ? "clients wait for a connection" : "busy more than 70 % of the time";
    if (figures.isLimitedByCores) {
      return say("limited by cores", seen.poolSize, `${reason}, and a larger pool would not help`);
    }
    const carrying = Math.max(needed, Math.ceil((busy + waiting) / targetUtilisation));
    const wanted = Math.min(carrying, useful);
    const size = Math.max(seen.poolSize, allowed(wanted));
    const cap = size < wanted ? `; it takes ${wanted}, and the account allows ${size}` : "";
    return say("too small", size, `${reason}${cap}`);
  }
  if (seen.poolSize === 0 || seen.poolSize > generous * needed) {
    return say("too large", needed, `${needed} connections carry this load at 70 %`);
  }
  return say("right", seen.poolSize, "busy less than 70 % of the time, and nobody waits long");
}

/**
 * Whether all wait and nothing moves. PgBouncer counts a transaction, its time and its wait when it ends, so that its
 * counters alone look like rest. Clients that come back only now and then count where the pool is full meanwhile.
 */
function isStuck({ waitingClients, workingConnections, poolSize }: Observation): boolean {
  const isFull = poolSize > 0 && mostly(workingConnections, (connections) => connections >= poolSize);
  const waits = (clients: number) => clients > 0;
  return mostly(waitingClients, waits) || (isFull && waitingClients.some(waits));
}

function mostly(looks: readonly number[], is: (look: number) => boolean): boolean {
  return looks.filter(is).length * 2 > looks.length;
}
