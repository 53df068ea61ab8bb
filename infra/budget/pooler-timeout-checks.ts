import { roles } from "../names.ts";
import { type Check, down, up } from "./check.ts";
import type { ConnectionPath, Pool } from "./connection-path.ts";
import type { Figure } from "./figure.ts";
import { constant, inside, orNever, poolerTimer, type Timer, timer } from "./timer.ts";

/** How often PgBouncer looks at its queue; `server_login_retry` above it is felt after every restart of Postgres. */
const longestLoginRetry = 3;
/** Longest time in which a dead peer should be noticed. */
const deadPeerSeconds = 60;

/** Linux' own keepalive (tcp_keepalive_time, _intvl and _probes), for which PgBouncer's 0 stands. */
const systemKeepalive = { idleSeconds: 7200, intervalSeconds: 75, probes: 9 };

/** The timers of the application and its role. */
export interface ApplicationTimers {
  readonly acquire: Timer;
  readonly statement: Timer;
  readonly transaction: Timer;
  readonly idleInTransaction: Timer;
  readonly idle: Timer;
  readonly lifetime: Timer;
}

/** PgBouncer's own timers: those of its queue, its backstops and its keepalive. */
export function poolerTimeoutChecks(path: ConnectionPath, timers: ApplicationTimers): Check[] {
  return [
    inside({
      id: "server-connect-whole",
      about: "PgBouncer has time to connect to Postgres: it counts whole seconds, below 1 is none",
      inner: constant("one second", 1),
      relation: "<=",
      outer: poolerTimer(path, "server_connect_timeout"),
      otherwise: "no connection to Postgres is ever made",
    }),
    ...path.pools.flatMap((pool) => queueChecks(path, pool)),
    ...backstops(path, timers),
    ...deadPeers(path),
  ];
}

function queueChecks(path: ConnectionPath, pool: Pool): Check[] {
  const wait = timer(`query_wait_timeout (${pool.name})`, pool.queryWait);
  // Nobody is dropped who may wait without end; that is a problem of its own.
  const outer = orNever(wait);
  return [
    inside({
      id: `queue-limited:${pool.name}`,
      about: "waiting in PgBouncer's queue has an end",
      inner: constant("no limit", 0),
      outer: wait,
      otherwise: "clients wait without end for a server connection",
    }),
    inside({
      id: `connect-queue:${pool.name}`,
      about: "a login to Postgres fails before those who wait for it are dropped",
      inner: poolerTimer(path, "server_connect_timeout"),
      outer,
      otherwise: "query_wait_timeout, whatever is wrong with Postgres",
    }),
    inside({
      id: `retry-queue:${pool.name}`,
      about: "PgBouncer tries Postgres again before those who wait are dropped",
      inner: poolerTimer(path, "server_login_retry"),
      outer,
      otherwise: "a restart of Postgres drops everyone who waits",
    }),
    ...(pool.reserve.value === 0
      ? []
      : [
          inside({
            id: `reserve-queue:${pool.name}`,
            about: "the reserve is opened before those who wait are dropped",
            inner: orNever(poolerTimer(path, "reserve_pool_timeout")),
            outer,
            otherwise: "the reserve is never used",
          }),
        ]),
  ];
}

/** All off by default: a net below the timers of Postgres and the application. */
function backstops(path: ConnectionPath, timers: ApplicationTimers): Check[] {
  const net = (name: string, inner: Timer | readonly Timer[], otherwise: string): Check[] => {
    const outer = timer(name, path.ofUser(roles.app, name));
    if (outer.value === 0) return [];
    const about = `${name} acts only when the timer inside it has not`;
    return [inside({ id: `backstop:${name}`, about, inner, outer, otherwise, knobs: [up(outer)] })];
  };
  const { statement, transaction, idleInTransaction, idle, lifetime } = timers;
  const queue = path.pools
    .filter((pool) => pool.isApplications)
    .map((pool) => timer("query_wait_timeout", pool.queryWait));
  const longer = idleInTransaction.value > transaction.value ? idleInTransaction : transaction;
  const inTransaction = { ...longer, name: "the longer of idle-in-transaction and transaction timeout" };
  const rolledBack = "PgBouncer drops the client before Postgres rolls back";
  return [
    // Its clock runs while the client is queued (seen on 1.26.1).
    ...net("query_timeout", [...queue, statement], "the client is dropped while the statement runs on"),
    ...net("idle_transaction_timeout", idleInTransaction, rolledBack),
    ...net("transaction_timeout", inTransaction, rolledBack),
    ...net("client_idle_timeout", idle, "PgBouncer closes connections that the application still holds"),
    // A pool that keeps connections beyond its idle time (a minimum size) renews them at the end of their lifetime.
    ...net("client_idle_timeout", lifetime, "PgBouncer closes connections that a pool keeps on purpose").map(
      (check): Check => ({
        ...check,
        id: "backstop-lifetime",
        about: "connections are renewed before client_idle_timeout",
        severity: "advise",
      }),
    ),
  ];
}

function deadPeers(path: ConnectionPath): Check[] {
  const [idle, interval, count] = [
    path.global("tcp_keepidle"),
    path.global("tcp_keepintvl"),
    path.global("tcp_keepcnt"),
  ];
  const orSystems = ({ value }: Figure, ofSystem: number) => (value === 0 ? ofSystem : value);
  const keepalive = path.global("tcp_keepalive");
  const noticed =
    keepalive.value === 0
      ? Number.POSITIVE_INFINITY
      : orSystems(idle, systemKeepalive.idleSeconds) +
        orSystems(interval, systemKeepalive.intervalSeconds) * orSystems(count, systemKeepalive.probes);
  return [
    inside({
      id: "login-retry-short",
      about: "service is back soon after a restart of Postgres",
      severity: "advise",
      inner: poolerTimer(path, "server_login_retry"),
      outer: constant("seconds that people notice", longestLoginRetry),
      otherwise: "server login has been failing, for so long after every restart",
    }),
    inside({
      id: "dead-peer",
      about: "a dead peer is noticed by keepalive",
      severity: "advise",
      inner: constant("tcp_keepidle + tcp_keepintvl x tcp_keepcnt", noticed),
      relation: "<=",
      outer: constant("seconds", deadPeerSeconds),
      otherwise: "connections to a vanished host are held for hours",
      knobs: [down(idle), down(interval), down(count), up(keepalive)],
    }),
  ];
}
