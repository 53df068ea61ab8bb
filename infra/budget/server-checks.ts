import { type Check, capacity, down, type Knob, type Term, total } from "./check.ts";
import { applicationCopies, probingCopies } from "./client-checks.ts";
import { abandonedBackends, allServers, type ConnectionPath, poolServers } from "./connection-path.ts";
import { limitOf } from "./figure.ts";
import { poolChecks } from "./pool-checks.ts";

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

/** Settings that make the connections to Postgres fewer. */
export function fewerBackends(path: ConnectionPath): Knob[] {
  return [
    ...path.pools.flatMap((pool) => [down(pool.size), down(pool.reserve)]),
    down(path.option("otherConnections")),
    down(path.demand("directConnections")),
    down(path.option("otherReplicas")),
    ...path.pools.map((pool) => down(pool.databaseCap)),
  ];
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
  return capacity({
    id: "postgres-connections",
    about: "everyone who connects to Postgres fits, and a superuser can still get in",
    unit: "connections",
    left: postgresTerms(path),
    right: postgresSlots(path),
    otherwise: "remaining connection slots are reserved / sorry, too many clients already",
    knobs: fewerBackends(path),
  });
}

/** `max_db_connections` is the one cap that holds whoever logs in; it is one only when Postgres has room for it. */
function hardStop(path: ConnectionPath): Check {
  const [, abandoned] = pooledTerms(path);
  const caps = new Map(path.pools.map((pool) => [pool.database, pool.databaseCap]));
  const processes = path.pgbouncerProcesses;
  return capacity({
    id: "hard-stop",
    about: "max_db_connections stops PgBouncer before Postgres is full, whoever logs in",
    severity: "advise",
    unit: "connections",
    left: [
      {
        what: "max_db_connections of all database entries",
        value: processes * [...caps.values()].reduce((sum, cap) => sum + limitOf(cap), 0),
      },
      abandoned,
      ...otherTerms(path),
    ],
    right: postgresSlots(path),
    otherwise: "one more role or database in PgBouncer could fill Postgres",
    knobs: [...[...caps.values()].map(down), down(path.option("otherReplicas"))],
  });
}
