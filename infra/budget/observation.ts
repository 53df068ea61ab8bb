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

type Verdict = Pick<Advice, "verdict" | "suggestedPoolSize" | "reason">;
type Figures = Omit<Advice, keyof Verdict>;

/**
 * Judges the pool by Little's law. Pure.
 * @param allowed the largest size up to the one that is asked for which the account of the stack lets through
 */
export function adviseOn(seen: Observation, allowed: (size: number) => number = (size) => size): Advice {
  const figures = figuresOf(seen);
  return { ...figures, ...verdictOn(figures, seen, allowed) };
}

function figuresOf(seen: Observation): Figures {
  const { seconds, transactions, poolSize, postgres } = seen;
  const per = (time: number) => (transactions === 0 ? 0 : time / transactions);
  const busyConnections = seen.transactionSeconds / seconds;
  const inTransaction = postgres.activeSeconds + postgres.idleInTransactionSeconds;
  const useful = usefulConnections(seen);
  return {
    arrivalRate: transactions / seconds,
    transactionSeconds: per(seen.transactionSeconds),
    waitSeconds: per(seen.waitSeconds),
    busyConnections,
    waitingClients: seen.waitSeconds / seconds,
    neededConnections: Math.max(smallestPool, Math.ceil(busyConnections / targetUtilisation)),
    poolSize,
    activeSessions: postgres.activeSeconds / seconds,
    idleInTransactionShare: inTransaction === 0 ? 0 : postgres.idleInTransactionSeconds / inTransaction,
    isLimitedByCores: useful !== Number.POSITIVE_INFINITY && (poolSize === 0 || poolSize >= useful),
  };
}

/** More connections than these only wait in Postgres; without end where its cores are not busy. */
function usefulConnections({ postgres, seconds, databaseCores }: Observation): number {
  const areCoresBusy = postgres.activeSeconds / seconds >= databaseCores;
  return areCoresBusy ? connectionsPerCore * databaseCores : Number.POSITIVE_INFINITY;
}

function verdictOn(figures: Figures, seen: Observation, allowed: (size: number) => number): Verdict {
  const { poolSize, transactions } = seen;
  const { neededConnections: needed, busyConnections: busy, waitingClients: waiting } = figures;
  const say = (verdict: Advice["verdict"], suggestedPoolSize: number, reason: string): Verdict => ({
    verdict,
    suggestedPoolSize,
    reason,
  });
  if (transactions < fewestTransactions) {
    if (!isStuck(seen)) return say("idle", poolSize, `${transactions} transactions say nothing about a load`);
    const taken = `${seen.workingConnections.at(-1) ?? 0}${poolSize === 0 ? "" : ` of ${poolSize}`}`;
    const stuck = `clients wait, ${taken} connections are taken and ${transactions} transactions ended`;
    return say("stuck", poolSize, `${stuck}: poolkit doctor says what holds them up; look there first`);
  }
  const isQueueing = mostly(seen.waitingClients, (clients) => clients > 0) && waiting >= 0.5;
  if (poolSize > 0 && (needed > poolSize || isQueueing)) {
    const reason = isQueueing ? "clients wait for a connection" : "busy more than 70 % of the time";
    if (figures.isLimitedByCores) {
      return say("limited by cores", poolSize, `${reason}, and a larger pool would not help`);
    }
    const carrying = Math.max(needed, Math.ceil((busy + waiting) / targetUtilisation));
    const wanted = Math.min(carrying, usefulConnections(seen));
    const size = Math.max(poolSize, allowed(wanted));
    const cap = size < wanted ? `; it takes ${wanted}, and the account allows ${size}` : "";
    return say("too small", size, `${reason}${cap}`);
  }
  if (poolSize === 0 || poolSize > generous * needed) {
    return say("too large", needed, `${needed} connections carry this load at 70 %`);
  }
  return say("right", poolSize, "busy less than 70 % of the time, and nobody waits long");
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
