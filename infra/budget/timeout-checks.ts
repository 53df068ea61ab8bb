import { type Check, down, type Knob, type Term, up } from "./check.ts";
import type { ConnectionPath, Pool } from "./connection-path.ts";
import { healthSeconds } from "./deployment.ts";
import type { Figure } from "./figure.ts";

/** How often PgBouncer looks at its queue; `server_login_retry` above it is felt after every restart of Postgres. */
const longestLoginRetry = 3;
/** Postgres looks for deadlocks after this time (`deadlock_timeout`). */
const deadlockSeconds = 1;
const callerUnknown: Term = { what: "requestSeconds (budget, not given)", value: Number.POSITIVE_INFINITY };
/** Longest time in which a dead peer should be noticed. */
const deadPeerSeconds = 60;

/**
 * The timers of the path, from the caller to Postgres: each must end inside the one around it, or the wrong one fires
 * first and the error says nothing about the cause.
 */
export function timeoutChecks(path: ConnectionPath): Check[] {
  const of = path.size;
  const [acquire, statement, transaction] = [
    of("poolTimeoutSeconds"),
    of("statementTimeoutSeconds"),
    of("transactionTimeoutSeconds"),
  ];
  const [idleInTransaction, lock] = [of("idleInTransactionTimeoutSeconds"), of("lockTimeoutSeconds")];
  const [maxWait, stop] = [of("transactionMaxWaitSeconds"), of("stopGraceSeconds")];
  const [retries, caller] = [of("retryBudgetSeconds"), path.option("requestSeconds")];
  const [appIdle, appLifetime] = [of("applicationIdleSeconds"), of("applicationLifetimeSeconds")];
  const connect = path.global("server_connect_timeout");
  const application = path.pools.find((pool) => pool.isApplications);
  const longest = statement.value > transaction.value ? statement : transaction;
  // The last attempt may begin when the budget of repeating is all but used up.
  const request = [
    seconds("retryBudgetSeconds", retries),
    seconds("poolTimeoutSeconds", acquire),
    ...(application === undefined ? [] : [seconds("query_wait_timeout", application.queryWait)]),
    seconds("the longer of statement and transaction timeout", longest),
  ];
  const shorter = [down(retries), down(acquire), down(longest)];
  return [
    nest({
      id: "request",
      about: "the longest request, attempts again included, ends before its caller gives up",
      left: request,
      right: [caller.value === 0 ? callerUnknown : seconds("requestSeconds", caller)],
      otherwise: "the caller has gone (504) while its work goes on",
      knobs: [...shorter, up(caller)],
    }),
    nest({
      id: "stop-grace",
      about: "the application's stop lets the longest request end",
      left: request,
      relation: "<=",
      right: [seconds("stopGraceSeconds", stop)],
      otherwise: "work is cut off at every deploy",
      knobs: [up(stop), ...shorter],
    }),
    ...(path.application.isOwn ? [] : healthChecks()),
    nest({
      id: "acquire-login",
      about: "waiting for a pooled connection outlasts PgBouncer's login to Postgres",
      left: [seconds("server_connect_timeout", connect)],
      right: [seconds("poolTimeoutSeconds", acquire)],
      otherwise: "timeout exceeded when trying to connect, before PgBouncer could say why",
      knobs: [down(connect), up(acquire)],
    }),
    nest({
      id: "client-login",
      about: "a client that logs in while Postgres is down hears of it before it gives up",
      severity: "advise",
      left: [seconds("client_login_timeout", path.global("client_login_timeout"))],
      right: [seconds("poolTimeoutSeconds", acquire)],
      otherwise: "timeout exceeded when trying to connect, instead of PgBouncer's reason",
      knobs: [down(path.global("client_login_timeout")), up(acquire)],
    }),
    nest({
      id: "transaction-start",
      about: "Prisma's maxWait ends before the wait for a pooled connection",
      left: [seconds("transactionMaxWaitSeconds", maxWait)],
      relation: "<=",
      right: [seconds("poolTimeoutSeconds", acquire)],
      otherwise: "the pool's plain error instead of P2028",
      knobs: [down(maxWait), up(acquire)],
    }),
    nest({
      id: "server-connect-whole",
      about: "PgBouncer has time to connect to Postgres: it counts whole seconds, below 1 is none",
      left: [{ what: "one second", value: 1 }],
      relation: "<=",
      right: [seconds("server_connect_timeout", connect)],
      otherwise: "no connection to Postgres is ever made",
      knobs: [up(connect)],
    }),
    nest({
      id: "lock-statement",
      about: "waiting for a lock ends before the statement does",
      left: [seconds("lockTimeoutSeconds", lock)],
      right: [seconds("statementTimeoutSeconds", statement)],
      otherwise: "57014 (statement timeout) instead of 55P03 (lock not available)",
      knobs: [down(lock), up(statement)],
    }),
    nest({
      id: "deadlock-lock",
      about: "Postgres looks for deadlocks before the lock timeout",
      left: [{ what: "deadlock_timeout", value: deadlockSeconds }],
      right: [seconds("lockTimeoutSeconds", lock)],
      otherwise: "deadlocks show as lock timeouts",
      knobs: [up(lock)],
    }),
    nest({
      id: "statement-transaction",
      about: "one statement fits a transaction",
      left: [seconds("statementTimeoutSeconds", statement)],
      relation: "<=",
      right: [seconds("transactionTimeoutSeconds", transaction)],
      otherwise: "Prisma gives the transaction up while its statement runs on",
      knobs: [down(statement), up(transaction)],
    }),
    nest({
      id: "transaction-idle",
      about: "Prisma ends a transaction before Postgres ends its session",
      left: [seconds("transactionTimeoutSeconds", transaction)],
      right: [seconds("idleInTransactionTimeoutSeconds", idleInTransaction)],
      otherwise: "connections die under running transactions (25P03)",
      knobs: [up(idleInTransaction), down(transaction)],
    }),
    nest({
      id: "idle-lifetime",
      about: "an idle connection of the application is closed before its lifetime ends",
      left: [seconds("applicationIdleSeconds", appIdle)],
      right: [seconds("applicationLifetimeSeconds", appLifetime)],
      otherwise: "the idle timeout never acts",
      knobs: [down(appIdle), up(appLifetime)],
    }),
    ...path.pools.flatMap((pool) => queueChecks(path, pool, connect)),
    ...backstops(path, { statement, idleInTransaction, transaction, appIdle }),
    ...deadPeers(path),
  ];
}

/** The health endpoint answers in bounded time, and who asks waits a little longer. None of it is a setting. */
function healthChecks(): Check[] {
  const { probe, answer, containerCheck, containerLimit } = healthSeconds;
  const within = (id: string, about: string, left: Term, right: Term): Check =>
    nest({ id, about, left: [left], right: [right], otherwise: "health is cut off, unnamed", knobs: [] });
  return [
    within(
      "health-probe",
      "a health probe ends before the endpoint has to answer",
      { what: "health probe", value: probe },
      { what: "health endpoint", value: answer },
    ),
    within(
      "health-container",
      "the container's health check gives up before the engine gives it up",
      { what: "container's health check", value: containerCheck },
      { what: "engine's limit for it", value: containerLimit },
    ),
  ];
}

function queueChecks(path: ConnectionPath, pool: Pool, connect: Figure): Check[] {
  const wait = seconds(`query_wait_timeout (${pool.name})`, pool.queryWait);
  const reserve = path.global("reserve_pool_timeout");
  const retry = path.global("server_login_retry");
  return [
    nest({
      id: `queue-limited:${pool.name}`,
      about: "waiting in PgBouncer's queue has an end",
      left: [{ what: "no limit", value: 0 }],
      right: [wait],
      otherwise: "clients wait without end for a server connection",
      knobs: [up(pool.queryWait)],
    }),
    nest({
      id: `connect-queue:${pool.name}`,
      about: "a login to Postgres fails before those who wait for it are dropped",
      left: [seconds("server_connect_timeout", connect)],
      right: [wait],
      otherwise: "query_wait_timeout, whatever is wrong with Postgres",
      knobs: [down(connect), up(pool.queryWait)],
    }),
    nest({
      id: `retry-queue:${pool.name}`,
      about: "PgBouncer tries Postgres again before those who wait are dropped",
      left: [seconds("server_login_retry", retry)],
      right: [wait],
      otherwise: "a restart of Postgres drops everyone who waits",
      knobs: [down(retry), up(pool.queryWait)],
    }),
    ...(pool.reserve.value === 0
      ? []
      : [
          nest({
            id: `reserve-queue:${pool.name}`,
            about: "the reserve is opened before those who wait are dropped",
            left: [seconds("reserve_pool_timeout", reserve)],
            right: [wait],
            otherwise: "the reserve is never used",
            knobs: [down(reserve), up(pool.queryWait)],
          }),
        ]),
  ];
}

interface ApplicationTimers {
  readonly statement: Figure;
  readonly idleInTransaction: Figure;
  readonly transaction: Figure;
  readonly appIdle: Figure;
}

/** PgBouncer's own timers, all off by default: a net below those of Postgres and the application. */
function backstops(path: ConnectionPath, timers: ApplicationTimers): Check[] {
  const net = (name: string, inner: Term, otherwise: string): Check[] => {
    const outer = path.global(name);
    if (outer.value === 0) return [];
    const id = `backstop:${name}`;
    const about = `${name} acts only when the timer inside it has not`;
    return [nest({ id, about, left: [inner], right: [seconds(name, outer)], otherwise, knobs: [up(outer)] })];
  };
  const { statement, idleInTransaction, transaction, appIdle } = timers;
  const inTransaction = idleInTransaction.value > transaction.value ? idleInTransaction : transaction;
  return [
    ...net(
      "query_timeout",
      seconds("statementTimeoutSeconds", statement),
      "the client is dropped while the statement runs on",
    ),
    ...net(
      "idle_transaction_timeout",
      seconds("idleInTransactionTimeoutSeconds", idleInTransaction),
      "PgBouncer drops the client before Postgres rolls back",
    ),
    ...net(
      "transaction_timeout",
      seconds("the longer of idle-in-transaction and transaction timeout", inTransaction),
      "PgBouncer drops the client before Postgres rolls back",
    ),
    ...net(
      "client_idle_timeout",
      seconds("applicationIdleSeconds", appIdle),
      "PgBouncer closes connections that the application still holds",
    ),
  ];
}

function deadPeers(path: ConnectionPath): Check[] {
  const retry = path.global("server_login_retry");
  const [idle, interval, count] = [
    path.global("tcp_keepidle"),
    path.global("tcp_keepintvl"),
    path.global("tcp_keepcnt"),
  ];
  const value =
    path.global("tcp_keepalive").value === 0
      ? Number.POSITIVE_INFINITY
      : idle.value + interval.value * count.value;
  return [
    nest({
      id: "login-retry-short",
      about: "service is back soon after a restart of Postgres",
      severity: "advise",
      left: [seconds("server_login_retry", retry)],
      right: [{ what: "seconds that people notice", value: longestLoginRetry }],
      otherwise: "server login has been failing, for so long after every restart",
      knobs: [down(retry)],
    }),
    nest({
      id: "dead-peer",
      about: "a dead peer is noticed by keepalive",
      severity: "advise",
      left: [{ what: "tcp_keepidle + tcp_keepintvl x tcp_keepcnt", value }],
      relation: "<=",
      right: [{ what: "seconds", value: deadPeerSeconds }],
      otherwise: "connections to a vanished host are held for hours",
      knobs: [down(idle), down(interval), up(path.global("tcp_keepalive"))],
    }),
  ];
}

interface Nesting {
  readonly id: string;
  readonly about: string;
  readonly severity?: Check["severity"];
  readonly left: readonly Term[];
  readonly relation?: Check["relation"];
  readonly right: readonly Term[];
  readonly otherwise: string;
  readonly knobs: readonly Knob[];
}

function nest({ severity = "refuse", relation = "<", ...rest }: Nesting): Check {
  return { severity, relation, kind: "timeout", unit: "s", ...rest };
}

function seconds(what: string, { value }: Figure): Term {
  return { what, value };
}
