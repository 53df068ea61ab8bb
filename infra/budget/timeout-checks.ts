import { type Check, down, up } from "./check.ts";
import type { ConnectionPath } from "./connection-path.ts";
import { healthSeconds } from "./deployment.ts";
import { type ApplicationTimers, poolerTimeoutChecks } from "./pooler-timeout-checks.ts";
import { constant, inside, orNever, poolerTimer, type Timer, timer } from "./timer.ts";

/** Postgres looks for deadlocks after this time (`deadlock_timeout`). */
const deadlockSeconds = 1;

/**
 * The timers of the path, from the caller to Postgres: each must end inside the one around it, or the wrong one fires
 * first and the error says nothing about the cause.
 */
export function timeoutChecks(path: ConnectionPath): Check[] {
  const of = (name: Parameters<ConnectionPath["size"]>[0]) => timer(name, path.size(name));
  const timers = {
    acquire: of("poolTimeoutSeconds"),
    statement: of("statementTimeoutSeconds"),
    transaction: of("transactionTimeoutSeconds"),
    idleInTransaction: of("idleInTransactionTimeoutSeconds"),
    idle: of("applicationIdleSeconds"),
    lifetime: of("applicationLifetimeSeconds"),
  };
  const { acquire, statement, transaction, idleInTransaction, idle, lifetime } = timers;
  const lock = of("lockTimeoutSeconds");
  return [
    ...requestChecks(path, timers, of("retryBudgetSeconds"), of("stopGraceSeconds")),
    ...(path.application.isOwn ? [] : healthChecks()),
    inside({
      id: "acquire-login",
      about: "waiting for a pooled connection outlasts PgBouncer's login to Postgres",
      inner: poolerTimer(path, "server_connect_timeout"),
      outer: acquire,
      otherwise: "timeout exceeded when trying to connect, before PgBouncer could say why",
    }),
    inside({
      id: "client-login",
      about: "a client that logs in while Postgres is down hears of it before it gives up",
      severity: "advise",
      inner: orNever(poolerTimer(path, "client_login_timeout")),
      outer: acquire,
      otherwise: "timeout exceeded when trying to connect, instead of PgBouncer's reason",
    }),
    inside({
      id: "transaction-start",
      about: "Prisma's maxWait ends before the wait for a pooled connection",
      inner: of("transactionMaxWaitSeconds"),
      relation: "<=",
      outer: acquire,
      otherwise: "the pool's plain error instead of P2028",
    }),
    inside({
      id: "lock-statement",
      about: "waiting for a lock ends before the statement does",
      inner: lock,
      outer: statement,
      otherwise: "57014 (statement timeout) instead of 55P03 (lock not available)",
    }),
    inside({
      id: "deadlock-lock",
      about: "Postgres looks for deadlocks before the lock timeout",
      inner: constant("deadlock_timeout", deadlockSeconds),
      outer: lock,
      otherwise: "deadlocks show as lock timeouts",
    }),
    inside({
      id: "statement-transaction",
      about: "one statement fits a transaction",
      inner: statement,
      relation: "<=",
      outer: transaction,
      otherwise: "Prisma gives the transaction up while its statement runs on",
    }),
    inside({
      id: "transaction-idle",
      about: "Prisma ends a transaction before Postgres ends its session",
      inner: transaction,
      outer: idleInTransaction,
      otherwise: "connections die under running transactions (25P03)",
      knobs: [up(idleInTransaction), down(transaction)],
    }),
    inside({
      id: "idle-lifetime",
      about: "an idle connection of the application is closed before its lifetime ends",
      inner: idle,
      outer: lifetime,
      otherwise: "the idle timeout never acts",
    }),
    ...poolerTimeoutChecks(path, timers),
  ];
}

/** The whole of a request, attempts again included, inside what waits for it. */
function requestChecks(
  path: ConnectionPath,
  { acquire, statement, transaction }: ApplicationTimers,
  retries: Timer,
  stop: Timer,
): Check[] {
  const application = path.pools.find((pool) => pool.isApplications);
  const longest = statement.value > transaction.value ? statement : transaction;
  // The last attempt may begin when the budget of repeating is all but used up.
  const request = [
    retries,
    acquire,
    ...(application === undefined ? [] : [timer("query_wait_timeout", application.queryWait)]),
    { ...longest, name: "the longer of statement and transaction timeout" },
  ];
  const shorter = [down(retries), down(acquire), down(longest)];
  const patience = path.option("requestSeconds");
  return [
    inside({
      id: "request",
      about: "the longest request, attempts again included, ends before its caller gives up",
      inner: request,
      outer:
        patience.value === 0
          ? constant("requestSeconds (budget, not given)", Number.POSITIVE_INFINITY)
          : timer("requestSeconds", patience),
      otherwise: "the caller has gone (504) while its work goes on",
      knobs: [...shorter, up(patience)],
    }),
    inside({
      id: "stop-grace",
      about: "the application's stop lets the longest request end",
      inner: request,
      relation: "<=",
      outer: stop,
      otherwise: "work is cut off at every deploy",
      knobs: [up(stop), ...shorter],
    }),
    // Postgres, the last to stop, lets nothing end (a fast shutdown): there is nothing inside its grace.
    inside({
      id: "pooler-stop",
      about: "PgBouncer's stop lets the longest transaction end",
      inner: { ...longest, name: "the longer of statement and transaction timeout" },
      outer: constant("PgBouncer's stop", path.poolerStopSeconds),
      otherwise: "transactions are cut off when PgBouncer restarts",
    }),
  ];
}

/** The health endpoint answers in bounded time, and who asks waits a little longer. None of it is a setting. */
function healthChecks(): Check[] {
  const { probe, answer, containerCheck, containerLimit } = healthSeconds;
  const otherwise = "health is cut off before it can name a cause";
  return [
    inside({
      id: "health-probe",
      about: "a health probe ends before the endpoint has to answer",
      inner: constant("health probe", probe),
      outer: constant("health endpoint", answer),
      otherwise,
    }),
    inside({
      id: "health-container",
      about: "the container's health check gives up before the engine gives it up",
      inner: constant("container's health check", containerCheck),
      outer: constant("engine's limit for it", containerLimit),
      otherwise,
    }),
  ];
}
