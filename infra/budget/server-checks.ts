import { type Check, down, type Term, total, up } from "./check.ts";
import {
  applicationClients,
  applicationCopies,
  busiestShare,
  fewerClients,
  ofAllProcesses,
  probingCopies,
} from "./client-checks.ts";
import {
  abandonedBackends,
  allServers,
  type ConnectionPath,
  ownServers,
  type Pool,
  poolServers,
  siblingPools,
  siblingServers,
} from "./connection-path.ts";
import { limitOf } from "./figure.ts";
import { assumedTransactionMilliseconds } from "./options.ts";

/** PgBouncer's pools against each other, their caps and Postgres. */
export function serverChecks(path: ConnectionPath): Check[] {
  return [postgresConnections(path), hardStop(path), ...path.pools.flatMap((pool) => poolChecks(path, pool))];
}

/** Everyone who holds a connection to Postgres. */
export function postgresTerms(path: ConnectionPath): Term[] {
  return [...pooledTerms(path), ...otherTerms(path)];
}

/** The application's role: what PgBouncer opens, and what of it lives on for a while. */
function pooledTerms(path: ConnectionPath): readonly [servers: Term, abandoned: Term] {
  const processes = path.pgbouncerProcesses;
  const pools = path.pools.map((pool) => `${pool.name} ${poolServers(path, pool)}`).join(", ");
  const each = processes === 1 ? "" : `, x ${processes} processes`;
  return [
    {
      what: `PgBouncer's pools with reserve under their caps: ${pools}${each}`,
      value: processes * allServers(path),
    },
    { what: `abandoned backends: 10 % of the pools, at least 2${each}`, value: abandonedBackends(path) },
  ];
}

/** All others. */
function otherTerms(path: ConnectionPath): Term[] {
  const { deployment } = path;
  const direct = path.application.directConnections;
  const copies = applicationCopies(path);
  const others = path.option("otherConnections").value;
  return [
    { what: "monitoring role: health probes, observer, doctor, inspect", value: monitorRoleLimit(path) },
    { what: "health check of the container", value: deployment.containerChecks },
    {
      what: `deploy: postgresql provider, ${deployment.providerConnections} in each of ${deployment.providerDatabases} databases`,
      value: deployment.providerConnections * deployment.providerDatabases,
    },
    { what: "deploy: gate or role settings, configuration", value: deployment.deployConnections },
    { what: "deploy: migrations", value: deployment.migrationConnections },
    ...(direct === 0
      ? []
      : [
          {
            what: `application past PgBouncer: copies ${copies} x application.directConnections ${direct}`,
            value: copies * direct,
          },
        ]),
    ...(path.hasExporters ? [{ what: "exporter", value: deployment.exporterRoleLimit }] : []),
    ...(others === 0 ? [] : [{ what: "other connections (budget.otherConnections)", value: others }]),
  ];
}

/** CONNECTION LIMIT of the monitoring role: each copy of the reference application probes by itself. */
function monitorRoleLimit(path: ConnectionPath): number {
  const { probeConnections, observeConnections, toolConnections } = path.deployment;
  return probingCopies(path) * probeConnections + observeConnections + toolConnections;
}

/** CONNECTION LIMITs: Postgres' own stop for a part that runs wild. */
export interface RoleLimits {
  readonly application: number;
  readonly monitor: number;
}

/**
 * The application's role may have what nobody else needs. That is never below what PgBouncer opens for it (the account
 * holds) and it does not follow the pools, so that a change of sizes leaves it alone: it could be lowered neither before
 * PgBouncer has closed its servers nor be too low for those it opens meanwhile. A stack that is let through without
 * fitting gets what its pools ask for.
 */
export function roleLimits(path: ConnectionPath): RoleLimits {
  const room = total(postgresSlots(path)) - total(otherTerms(path));
  return { application: Math.max(room, total(pooledTerms(path))), monitor: monitorRoleLimit(path) };
}

/** Connections that are there for roles without rights to reserved ones. */
function postgresSlots({ deployment }: ConnectionPath): Term[] {
  const { postgresMaxConnections, superuserReservedConnections, reservedConnections } = deployment.limits;
  return [
    { what: "max_connections", value: postgresMaxConnections },
    { what: "superuser_reserved_connections", value: -superuserReservedConnections },
    ...(reservedConnections === 0 ? [] : [{ what: "reserved_connections", value: -reservedConnections }]),
  ];
}

function postgresConnections(path: ConnectionPath): Check {
  return {
    id: "postgres-connections",
    about: "everyone who connects to Postgres fits, and a superuser can still get in",
    severity: "refuse",
    kind: "capacity",
    unit: "connections",
    left: postgresTerms(path),
    relation: "<=",
    right: postgresSlots(path),
    otherwise: "remaining connection slots are reserved / sorry, too many clients already",
    knobs: [
      ...path.pools.flatMap((pool) => [down(pool.size), down(pool.reserve)]),
      down(path.option("otherConnections")),
      down(path.demand("directConnections")),
      down(path.option("otherReplicas")),
      ...path.pools.map((pool) => down(pool.databaseCap)),
    ],
  };
}

/** `max_db_connections` is the one cap that holds whoever logs in; it is one only when Postgres has room for it. */
function hardStop(path: ConnectionPath): Check {
  const [, abandoned] = pooledTerms(path);
  const caps = new Map(path.pools.map((pool) => [pool.database, pool.databaseCap]));
  const processes = path.pgbouncerProcesses;
  return {
    id: "hard-stop",
    about: "max_db_connections stops PgBouncer before Postgres is full, whoever logs in",
    severity: "advise",
    kind: "capacity",
    unit: "connections",
    left: [
      {
        what: "max_db_connections of all database entries",
        value: processes * [...caps.values()].reduce((sum, cap) => sum + limitOf(cap), 0),
      },
      abandoned,
      ...otherTerms(path),
    ],
    relation: "<=",
    right: postgresSlots(path),
    otherwise: "one more role or database in PgBouncer could fill Postgres",
    knobs: [...[...caps.values()].map(down), down(path.option("otherReplicas"))],
  };
}

function poolChecks(path: ConnectionPath, pool: Pool): Check[] {
  const size = { what: `pool_size (${pool.name})`, value: limitOf(pool.size) };
  const capacity = { kind: "capacity", unit: "connections", relation: "<=" } as const;
  const caps = [
    { name: "max_db_connections", cap: pool.databaseCap },
    { name: "max_user_connections", cap: pool.userCap },
  ].filter(({ cap }) => cap.value > 0);
  const siblings = siblingPools(path, pool).map(({ name }) => name);
  const isUnlimited = size.value === Number.POSITIVE_INFINITY;
  return [
    ...caps.map(
      ({ name, cap }): Check => ({
        id: `${name}:${pool.name}`,
        about: `the pool can grow to its size under ${name}`,
        severity: "refuse",
        ...capacity,
        left: [
          isUnlimited
            ? {
                what: `pool_size (${pool.name}): no limit, so max_client_conn`,
                value: poolServers(path, pool),
              }
            : size,
        ],
        right: [{ what: name, value: cap.value }],
        otherwise: "the pool never reaches its size, clients wait",
        knobs: [up(cap), down(pool.size)],
      }),
    ),
    ...(pool.userCap.value === 0 || siblings.length === 0
      ? []
      : [
          {
            id: `shared-cap:${pool.name}`,
            about: `pool ${pool.name} has a server whatever the role's other pools hold`,
            severity: "refuse" as const,
            ...capacity,
            left: [
              { what: "one of its own", value: 1 },
              {
                what: `other pools of the role: ${siblings.join(", ")}`,
                value: siblingServers(path, pool),
              },
            ],
            right: [{ what: "max_user_connections", value: pool.userCap.value }],
            otherwise: "query_wait_timeout: the others' clients keep every server that is released",
            knobs: [
              up(pool.userCap),
              ...path.pools.filter(({ name }) => name !== pool.name).map(({ size: other }) => down(other)),
            ],
          },
        ]),
    ...(pool.minimum.value === 0 || isUnlimited
      ? []
      : [
          {
            id: `min-pool-size:${pool.name}`,
            about: "the connections kept open fit the pool",
            severity: "refuse" as const,
            ...capacity,
            left: [{ what: "min_pool_size", value: pool.minimum.value }],
            right: [size],
            otherwise: "PgBouncer keeps fewer than it is told to",
            knobs: [down(pool.minimum), up(pool.size)],
          },
        ]),
    ...(pool.isApplications ? applicationPoolChecks(path, pool) : []),
  ];
}

function applicationPoolChecks(path: ConnectionPath, pool: Pool): Check[] {
  const servers = effectiveSize(path, pool);
  const processes = path.pgbouncerProcesses;
  const steady = steadyClients(path);
  const cores = path.option("databaseCores");
  const everywhere = {
    what: `pool_size (${pool.name})${processes === 1 ? "" : ` x ${processes} processes`}`,
    value: processes * servers,
  };
  const checks: Check[] = [
    {
      id: "pool-cores",
      about: "the pool is not larger than the database's cores can work on",
      severity: "advise",
      kind: "capacity",
      unit: "connections",
      left: [everywhere],
      relation: "<=",
      right: [{ what: `4 x ${cores.value} cores (budget.databaseCores)`, value: 4 * cores.value }],
      otherwise: "more transactions at once than cores: all get slower",
      knobs: [down(pool.size), up(cores)],
    },
    {
      id: "pool-used",
      about: "there are clients enough to use the pool",
      severity: "advise",
      kind: "capacity",
      unit: "connections",
      left: [everywhere],
      relation: "<=",
      right: [{ what: "clients of the application", value: steady }],
      otherwise: "connections that nobody uses",
      knobs: [down(pool.size), up(path.size("connectionLimit")), up(path.option("otherClients"))],
    },
  ];
  if (pool.mode === "session") {
    return [
      ...checks,
      {
        id: "session-servers",
        about: "in session mode every client keeps a server connection",
        severity: "refuse",
        kind: "capacity",
        unit: "connections",
        left: applicationClients(path),
        relation: "<=",
        right: [ofAllProcesses(path, `server connections of ${pool.name}`, ownServers(path, pool))],
        otherwise: "query_wait_timeout",
        knobs: [...fewerClients(path), up(pool.size), up(pool.databaseCap), up(pool.userCap)],
      },
    ];
  }
  return pool.queryWait.value === 0
    ? checks
    : [...checks, queueWait(path, pool, ownServers(path, pool, servers))];
}

/** (clients - servers) x transaction / servers: how long the last one waits when all come at once. */
function queueWait(path: ConnectionPath, pool: Pool, servers: number): Check {
  const clients = busiestShare(path, total(applicationClients(path)));
  const declared = path.option("transactionMilliseconds");
  const milliseconds = declared.value === 0 ? assumedTransactionMilliseconds : declared.value;
  const wait = clients <= servers ? 0 : ((clients - servers) / servers) * (milliseconds / 1000);
  const assumed = declared.value === 0 ? " assumed" : "";
  return {
    id: "queue-wait",
    about: "the longest wait for a server connection stays below half of query_wait_timeout",
    severity: declared.value === 0 ? "advise" : "refuse",
    kind: "capacity",
    unit: "seconds",
    left: [
      {
        what: `(${clients} clients - ${servers} servers) / ${servers} x ${milliseconds} ms${assumed}`,
        value: wait,
      },
    ],
    relation: "<=",
    right: [{ what: "query_wait_timeout / 2", value: pool.queryWait.value / 2 }],
    otherwise: "query_wait_timeout",
    knobs: [up(pool.size), up(pool.userCap), ...fewerClients(path), up(pool.queryWait)],
  };
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
