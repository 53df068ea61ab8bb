import { type Check, capacity, down, total, up } from "./check.ts";
import { allServers, type ConnectionPath, poolServers, reserveServers } from "./connection-path.ts";
import { fewerBackends, postgresTerms } from "./server-checks.ts";

/** PgBouncer's own descriptors (listeners, DNS, log) and a reserve. */
const ownDescriptors = 110;

/**
 * Private memory of a backend in MiB, besides work_mem: 3 fresh, 5 after catalogue queries, 9 after large ones
 * (test/infra/budget-figures.integration.test.ts measures it), 10 to 14 seen on managed services.
 */
export const backendMegabytes = 10;
/** Postgres without clients: postmaster, writers, logical launcher, page tables. */
const postgresBaseMegabytes = 40;
/** Hash tables may take twice `work_mem` (`hash_mem_multiplier`). */
const hashFactor = 2;
/** Share of a container's memory that is planned: the page cache lives in the rest. */
const usableShare = 0.8;

/** PgBouncer without clients, and its bookkeeping per connection besides the buffer (`pkt_buf`). */
const pgbouncerBaseMegabytes = 12;
const bytesPerConnection = 8192;

/** Descriptors and memory, sized once for the largest preset. */
export function resourceChecks(path: ConnectionPath): Check[] {
  return [descriptors(path), postgresMemory(path), pgbouncerMemory(path), ...hostMemory(path)];
}

function descriptors(path: ConnectionPath): Check {
  const clients = path.global("max_client_conn");
  return capacity({
    id: "pgbouncer-descriptors",
    about: "PgBouncer has a descriptor for every client, server and cancel request",
    unit: "descriptors",
    left: [
      { what: "max_client_conn", value: clients.value },
      { what: "server connections", value: allServers(path) },
      { what: "cancel requests: 2 x pool_size", value: 2 * pooled(path) },
      { what: "PgBouncer's own and a reserve", value: ownDescriptors },
    ],
    right: [{ what: "nofile of the container", value: path.deployment.limits.pgbouncerOpenFiles }],
    otherwise: "accept() failed: Too many open files",
    knobs: [down(clients), ...path.pools.map((pool) => down(pool.size))],
  });
}

function pooled(path: ConnectionPath): number {
  return path.pools.reduce((sum, pool) => sum + poolServers(path, pool) - reserveServers(path, pool), 0);
}

function postgresMemory(path: ConnectionPath): Check {
  const { limits } = path.deployment;
  const connections = total(postgresTerms(path));
  const servers = path.pgbouncerProcesses * allServers(path);
  return capacity({
    id: "postgres-memory",
    about: "Postgres fits its container with every connection busy",
    unit: "MiB",
    left: [
      { what: "shared_buffers", value: limits.sharedBuffersMegabytes },
      { what: "the server itself", value: postgresBaseMegabytes },
      { what: `${connections} backends x ${backendMegabytes}`, value: connections * backendMegabytes },
      {
        what: `${servers} pooled queries x work_mem ${limits.workMegabytes} x ${hashFactor}`,
        value: servers * limits.workMegabytes * hashFactor,
      },
      {
        what: `${limits.autovacuumWorkers} autovacuum workers x maintenance_work_mem ${limits.maintenanceWorkMegabytes}`,
        value: limits.autovacuumWorkers * limits.maintenanceWorkMegabytes,
      },
    ],
    right: [
      {
        what: `${usableShare} x ${limits.postgresMemoryMegabytes} MiB`,
        value: Math.floor(usableShare * limits.postgresMemoryMegabytes),
      },
    ],
    otherwise: "the kernel kills Postgres (out of memory)",
    knobs: fewerBackends(path),
  });
}

function pgbouncerMemory(path: ConnectionPath): Check {
  const clients = path.global("max_client_conn");
  const buffer = path.global("pkt_buf");
  const connections = clients.value + allServers(path);
  return capacity({
    id: "pgbouncer-memory",
    about: "PgBouncer fits its container with every connection open",
    unit: "MiB",
    left: [
      { what: "the process itself", value: pgbouncerBaseMegabytes },
      {
        what: `${connections} connections x (pkt_buf ${buffer.value} + ${bytesPerConnection} bytes)`,
        value: Math.ceil((connections * (buffer.value + bytesPerConnection)) / 1_048_576),
      },
    ],
    right: [
      {
        what: `${usableShare} x ${path.deployment.limits.pgbouncerMemoryMegabytes} MiB`,
        value: Math.floor(usableShare * path.deployment.limits.pgbouncerMemoryMegabytes),
      },
    ],
    otherwise: "the kernel kills PgBouncer (out of memory)",
    knobs: [down(buffer), down(clients)],
  });
}

/** Nobody has told how large the machine is: nothing to check. */
function hostMemory(path: ConnectionPath): Check[] {
  const host = path.option("hostMegabytes");
  if (host.value === 0) return [];
  const { limits } = path.deployment;
  const memory = path.demand("memoryMegabytes");
  return [
    capacity({
      id: "host-memory",
      about: "all containers of the stack fit the machine at their limits",
      unit: "MiB",
      left: [
        { what: "Postgres", value: limits.postgresMemoryMegabytes },
        { what: "PgBouncer", value: limits.pgbouncerMemoryMegabytes },
        { what: "application", value: memory.value },
        ...(path.hasExporters
          ? [
              {
                what: "Prometheus and two exporters",
                value: limits.prometheusMemoryMegabytes + 2 * limits.exporterMemoryMegabytes,
              },
            ]
          : []),
      ],
      right: [{ what: "budget.hostMegabytes", value: host.value }],
      otherwise: "the kernel kills whatever it finds (out of memory)",
      knobs: [down(memory), up(host)],
    }),
  ];
}
