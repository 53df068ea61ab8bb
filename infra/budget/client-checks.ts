import { roles } from "../names.ts";
import { type Check, capacity, down, type Knob, type Term, up } from "./check.ts";
import type { ConnectionPath } from "./connection-path.ts";
import { type Figure, limitOf } from "./figure.ts";

/** Everyone who is a client of PgBouncer, against each of its client limits. */
export function clientChecks(path: ConnectionPath): Check[] {
  const { deployment } = path;
  const application = applicationClients(path);
  const limit = path.global("max_client_conn");
  return [
    capacity({
      id: "pgbouncer-clients",
      about: "everyone who connects to PgBouncer fits its client limit",
      unit: "clients",
      left: [...application, ...consoleClients(path)],
      right: [ofAllProcesses(path, "max_client_conn", limit.value)],
      otherwise: "no more connections allowed (max_client_conn)",
      knobs: [up(limit), ...fewerClients(path)],
    }),
    ...ownLimit(
      path,
      `database-clients:${path.databaseName}`,
      path.databaseClients(path.databaseName),
      application,
    ),
    ...ownLimit(path, `user-clients:${roles.app}`, path.userClients(roles.app), application),
    ...ownLimit(path, `user-clients:${roles.monitor}`, path.userClients(roles.monitor), [
      { what: "health probe and observer on the console", value: monitorConsoles(path) },
      { what: "health check of the container", value: deployment.containerChecks },
    ]),
  ];
}

/** Clients that work as the application's role, all of them in the application's pool. */
export function applicationClients(path: ConnectionPath): Term[] {
  const { application } = path;
  const limit = path.size("connectionLimit").value;
  const others = path.option("otherClients").value;
  const elsewhere = replicasElsewhere(path);
  const pools = (before: string, number: number): Term => ({
    what: `${before} x connectionLimit ${limit}`,
    value: number * limit,
  });
  const { processes, poolsPerProcess } = application;
  return [
    pools(
      `application: processes ${processes} x pools at a live change ${poolsPerProcess}`,
      processes * poolsPerProcess,
    ),
    ...(elsewhere === 0
      ? []
      : [
          pools(
            `replicas elsewhere in a roll-out: ${elsewhere} x processes ${processes}`,
            elsewhere * processes,
          ),
        ]),
    ...(application.isOwn
      ? []
      : [
          {
            what: "health probes and trial login",
            value: probingCopies(path) * path.deployment.probeClients,
          },
        ]),
    ...(others === 0 ? [] : [{ what: "other clients (budget.otherClients)", value: others }]),
  ];
}

/** Settings that make the application's clients fewer. */
export function fewerClients(path: ConnectionPath): Knob[] {
  return [
    down(path.size("connectionLimit")),
    down(path.option("otherClients")),
    down(path.demand("processes")),
    down(path.option("otherReplicas")),
  ];
}

/** Clients are spread unevenly over several PgBouncers: one may get half as many again as its share. */
const unevenness = 1.5;

/** How many clients a limit of each PgBouncer lets in, all together. */
export function ofAllProcesses(path: ConnectionPath, what: string, limit: number): Term {
  const processes = path.pgbouncerProcesses;
  return processes === 1
    ? { what, value: limit }
    : { what: `${what} of ${processes} processes`, value: Math.floor((processes * limit) / unevenness) };
}

/** The most of so many clients that one of the PgBouncers gets. */
export function busiestShare(path: ConnectionPath, clients: number): number {
  const processes = path.pgbouncerProcesses;
  return processes === 1 ? clients : Math.min(clients, Math.ceil((unevenness * clients) / processes));
}

/** Pools of the application at the same moment, wherever it runs. */
export function applicationPools(path: ConnectionPath): number {
  const { processes, poolsPerProcess } = path.application;
  return processes * (poolsPerProcess + replicasElsewhere(path));
}

/** Copies of the reference application, each with probes of its own; an own application has none of the kit's. */
export function probingCopies(path: ConnectionPath): number {
  return path.application.isOwn ? 0 : 1 + replicasElsewhere(path);
}

/** Copies of an own application that may hold direct connections at the same moment. */
export function applicationCopies(path: ConnectionPath): number {
  return 1 + replicasElsewhere(path);
}

function replicasElsewhere(path: ConnectionPath): number {
  return path.option("otherReplicas").value * path.option("surge").value;
}

function consoleClients(path: ConnectionPath): Term[] {
  const { deployConsoles, exporterConsoles, containerChecks } = path.deployment;
  return [
    { what: "console: health probe and observer", value: monitorConsoles(path) },
    { what: "console: the deployer", value: deployConsoles },
    ...(path.hasExporters ? [{ what: "console: exporter", value: exporterConsoles }] : []),
    { what: "health check of the container", value: containerChecks },
  ];
}

function monitorConsoles(path: ConnectionPath): number {
  const { probeConsoles, observeConnections } = path.deployment;
  return probingCopies(path) * probeConsoles + observeConnections;
}

/** A limit of one database or role; nothing to check when it is off. */
function ownLimit(path: ConnectionPath, id: string, limit: Figure, left: readonly Term[]): Check[] {
  const setting = id.startsWith("user") ? "max_user_client_connections" : "max_db_client_connections";
  if (limitOf(limit) === Number.POSITIVE_INFINITY) return [];
  return [
    capacity({
      id,
      about: `the clients of ${id.slice(id.indexOf(":") + 1)} fit the limit of their own`,
      unit: "clients",
      left,
      right: [ofAllProcesses(path, limit.path, limit.value)],
      otherwise: `client connections exceeded (${setting})`,
      knobs: [up(limit), ...fewerClients(path)],
    }),
  ];
}
