/** Names inside the stack's own network and database: the same in every stack, so that images and URLs do not differ. */
export const postgresAlias = "postgres";
export const pgbouncerAlias = "pgbouncer";
export const postgresPort = 5432;
export const pgbouncerPort = 6432;
export const appPort = 3000;
export const appAlias = "app";
export const prometheusAlias = "prometheus";
export const prometheusPort = 9090;
export const pgbouncerExporterAlias = "pgbouncer-exporter";
export const pgbouncerExporterPort = 9127;
export const postgresExporterAlias = "postgres-exporter";
export const postgresExporterPort = 9187;

/**
 * Roles. `poolkit_admin` exists in PgBouncer only: the deployer's console, unknown to Postgres. `poolkit_exporter` exists
 * only where `poolkit:observability` is on.
 */
export const roles = Object.freeze({
  superuser: "postgres",
  owner: "poolkit_owner",
  app: "poolkit_app",
  monitor: "poolkit_monitor",
  admin: "poolkit_admin",
  exporter: "poolkit_exporter",
});

export const allRoles: readonly string[] = Object.values(roles);

export const schemaName = "app";

/**
 * User and group ids inside the images (postgres/Dockerfile, pgbouncer/image/Dockerfile, app/Dockerfile,
 * observability/image/Dockerfile).
 */
export const postgresUid = 999;
export const unprivilegedUid = 65532;

/** Names on the Docker Engine. They carry the stack's name, so several stacks live side by side on one engine. */
export function engineNames(stack: string) {
  const prefix = `poolkit-${stack}`;
  return Object.freeze({
    network: prefix,
    postgres: `${prefix}-postgres`,
    pgbouncer: `${prefix}-pgbouncer`,
    app: `${prefix}-app`,
    prometheus: `${prefix}-prometheus`,
    pgbouncerExporter: `${prefix}-pgbouncer-exporter`,
    postgresExporter: `${prefix}-postgres-exporter`,
    postgresData: `${prefix}-postgres-data`,
    postgresConfig: `${prefix}-postgres-config`,
    pgbouncerConfig: `${prefix}-pgbouncer-config`,
    appConfig: `${prefix}-app-config`,
    prometheusData: `${prefix}-prometheus-data`,
    prometheusConfig: `${prefix}-prometheus-config`,
  });
}

export type EngineNames = ReturnType<typeof engineNames>;
