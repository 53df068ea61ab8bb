import { type Check, capacity, down, type Term, total, up } from "./check.ts";
import { applicationClients, busiestShare, fewerClients, ofAllProcesses } from "./client-checks.ts";
import {
  type ConnectionPath,
  ownServers,
  type Pool,
  poolServers,
  siblingPools,
  siblingServers,
} from "./connection-path.ts";
import { limitOf } from "./figure.ts";
import { assumedTransactionMilliseconds } from "./options.ts";

const unit = "connections";

/** One pool of PgBouncer against its caps; that of the application also against its clients and the database's cores. */
export function poolChecks(path: ConnectionPath, pool: Pool): Check[] {
  return [
    ...capChecks(path, pool),
    ...sharedCap(path, pool),
    ...minimumSize(pool),
    ...(pool.isApplications ? applicationPoolChecks(path, pool) : []),
  ];
}

/** Each cap above the pool by itself. */
function capChecks(path: ConnectionPath, pool: Pool): Check[] {
  const caps = [
    { name: "max_db_connections", cap: pool.databaseCap },
    { name: "max_user_connections", cap: pool.userCap },
  ].filter(({ cap }) => cap.value > 0);
  const unlimited = `pool_size (${pool.name}): no limit, so max_client_conn`;
  const wanted = isUnlimited(pool) ? { what: unlimited, value: poolServers(path, pool) } : sizeOf(pool);
  return caps.map(({ name, cap }) =>
    capacity({
      id: `${name}:${pool.name}`,
      about: `the pool can grow to its size under ${name}`,
      unit,
      left: [wanted],
      right: [{ what: name, value: cap.value }],
      otherwise: "the pool never reaches its size, clients wait",
      knobs: [up(cap), down(pool.size)],
    }),
  );
}

/** The role's cap, with what its other pools may hold of it. */
function sharedCap(path: ConnectionPath, pool: Pool): Check[] {
  const siblings = siblingPools(path, pool).map(({ name }) => name);
  if (pool.userCap.value === 0 || siblings.length === 0) return [];
  const others = path.pools.filter(({ name }) => name !== pool.name);
  return [
    capacity({
      id: `shared-cap:${pool.name}`,
      about: `pool ${pool.name} has a server whatever the role's other pools hold`,
      unit,
      left: [
        { what: "one of its own", value: 1 },
        { what: `other pools of the role: ${siblings.join(", ")}`, value: siblingServers(path, pool) },
      ],
      right: [{ what: "max_user_connections", value: pool.userCap.value }],
      otherwise: "query_wait_timeout: the others' clients keep every server that is released",
      knobs: [up(pool.userCap), ...others.map(({ size }) => down(size))],
    }),
  ];
}

function minimumSize(pool: Pool): Check[] {
  if (pool.minimum.value === 0 || isUnlimited(pool)) return [];
  return [
    capacity({
      id: `min-pool-size:${pool.name}`,
      about: "the connections kept open fit the pool",
      unit,
      left: [{ what: "min_pool_size", value: pool.minimum.value }],
      right: [sizeOf(pool)],
      otherwise: "PgBouncer keeps fewer than it is told to",
      knobs: [down(pool.minimum), up(pool.size)],
    }),
  ];
}

function sizeOf({ name, size }: Pool): Term {
  return { what: `pool_size (${name})`, value: limitOf(size) };
}

function isUnlimited({ size }: Pool): boolean {
  return limitOf(size) === Number.POSITIVE_INFINITY;
}

function applicationPoolChecks(path: ConnectionPath, pool: Pool): Check[] {
  const use = [coresSuffice(path, pool), clientsSuffice(path, pool)];
  if (pool.mode === "session") return [...use, sessionServers(path, pool)];
  return pool.queryWait.value === 0 ? use : [...use, queueWait(path, pool)];
}

function coresSuffice(path: ConnectionPath, pool: Pool): Check {
  const cores = path.option("databaseCores");
  return capacity({
    id: "pool-cores",
    about: "the pool is not larger than the database's cores can work on",
    severity: "advise",
    unit,
    left: [ofEveryProcess(path, pool)],
    right: [{ what: `4 x ${cores.value} cores (budget.databaseCores)`, value: 4 * cores.value }],
    otherwise: "more transactions at once than cores: all get slower",
    knobs: [down(pool.size), up(cores)],
  });
}

function clientsSuffice(path: ConnectionPath, pool: Pool): Check {
  return capacity({
    id: "pool-used",
    about: "there are clients enough to use the pool",
    severity: "advise",
    unit,
    left: [ofEveryProcess(path, pool)],
    right: [{ what: "clients of the application", value: steadyClients(path) }],
    otherwise: "connections that nobody uses",
    knobs: [down(pool.size), up(path.size("connectionLimit")), up(path.option("otherClients"))],
  });
}

function sessionServers(path: ConnectionPath, pool: Pool): Check {
  return capacity({
    id: "session-servers",
    about: "in session mode every client keeps a server connection",
    unit,
    left: applicationClients(path),
    right: [ofAllProcesses(path, `server connections of ${pool.name}`, ownServers(path, pool))],
    otherwise: "query_wait_timeout",
    knobs: [...fewerClients(path), up(pool.size), up(pool.databaseCap), up(pool.userCap)],
  });
}

/** (clients - servers) x transaction / servers: how long the last one waits when all come at once. */
function queueWait(path: ConnectionPath, pool: Pool): Check {
  const servers = ownServers(path, pool, effectiveSize(path, pool));
  const clients = busiestShare(path, total(applicationClients(path)));
  const declared = path.option("transactionMilliseconds");
  const isDeclared = declared.value > 0;
  const milliseconds = isDeclared ? declared.value : assumedTransactionMilliseconds;
  const wait = clients <= servers ? 0 : ((clients - servers) / servers) * (milliseconds / 1000);
  const time = `${milliseconds} ms${isDeclared ? "" : " assumed"}`;
  return capacity({
    id: "queue-wait",
    about: "the longest wait for a server connection stays below half of query_wait_timeout",
    severity: isDeclared ? "refuse" : "advise",
    unit: "seconds",
    left: [{ what: `(${clients} clients - ${servers} servers) / ${servers} x ${time}`, value: wait }],
    right: [{ what: "query_wait_timeout / 2", value: pool.queryWait.value / 2 }],
    otherwise: "query_wait_timeout",
    knobs: [up(pool.size), up(pool.userCap), ...fewerClients(path), up(pool.queryWait)],
  });
}

/** What the pool has without its reserve in all PgBouncers together. */
function ofEveryProcess(path: ConnectionPath, pool: Pool): Term {
  const processes = path.pgbouncerProcesses;
  const each = processes === 1 ? "" : ` x ${processes} processes`;
  return { what: `pool_size (${pool.name})${each}`, value: processes * effectiveSize(path, pool) };
}

/** The pool without its reserve, under its caps. */
function effectiveSize(path: ConnectionPath, pool: Pool): number {
  return Math.min(
    limitOf(pool.size),
    limitOf(pool.databaseCap),
    limitOf(pool.userCap),
    path.global("max_client_conn").value,
  );
}

/** Clients that work at the same moment outside of a live change. */
function steadyClients(path: ConnectionPath): number {
  const pools = path.application.processes * (1 + path.option("otherReplicas").value);
  return pools * path.size("connectionLimit").value + path.option("otherClients").value;
}
