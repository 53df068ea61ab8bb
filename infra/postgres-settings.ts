import { roles } from "./names.ts";
import { restartOnlyLimits } from "./presets.ts";

/** The whole postgresql.conf: what is not here has PostgreSQL's own default. */
export const postgresSettings: Readonly<Record<string, string>> = Object.freeze({
  listen_addresses: "*",
  unix_socket_directories: "/tmp",
  max_connections: String(restartOnlyLimits.postgresMaxConnections),
  superuser_reserved_connections: String(restartOnlyLimits.superuserReservedConnections),
  reserved_connections: String(restartOnlyLimits.reservedConnections),
  shared_buffers: `${restartOnlyLimits.sharedBuffersMegabytes}MB`,
  work_mem: `${restartOnlyLimits.workMegabytes}MB`,
  maintenance_work_mem: `${restartOnlyLimits.maintenanceWorkMegabytes}MB`,
  autovacuum_max_workers: String(restartOnlyLimits.autovacuumWorkers),
  password_encryption: "scram-sha-256",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] %q%u@%d/%a:",
  log_lock_waits: "on",
  log_checkpoints: "off",
  // A caller that went away (PgBouncer's query timeouts close the socket) must not keep its backend busy.
  client_connection_check_interval: "10s",
  tcp_keepalives_idle: "30",
  tcp_keepalives_interval: "10",
  tcp_keepalives_count: "3",
});

/**
 * pg_hba.conf: named roles to named databases with SCRAM, nobody else. The network is the stack's own. Who may run
 * commands inside the container as its user is the superuser (`docker exec … psql`): that is how a password that nobody
 * knows any more is given anew.
 */
export function hostBasedAccess(databaseName: string, hasExporter: boolean): string[] {
  const line = (database: string, role: string) => `host ${database} ${role} all scram-sha-256`;
  return [
    `local all ${roles.superuser} peer`,
    line("all", roles.superuser),
    line(databaseName, roles.owner),
    line(databaseName, roles.app),
    line(databaseName, roles.monitor),
    ...(hasExporter ? [line(databaseName, roles.exporter)] : []),
  ];
}
