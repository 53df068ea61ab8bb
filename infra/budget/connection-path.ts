import { pgbouncerSettings } from "../../pgbouncer/settings.ts";
import { roles } from "../names.ts";
import { poolerStopSeconds } from "../pooler-settings.ts";
import type { Preset } from "../presets.ts";
import type { Sizing, SizingInput } from "../sizing.ts";
import { type ApplicationDemand, applicationDemand, type demandRanges } from "./application-demand.ts";
import type { Deployment } from "./deployment.ts";
import { type Figure, limitOf } from "./figure.ts";
import type { BudgetOptions } from "./options.ts";

/** One pool of PgBouncer: a database entry and a role. */
export interface Pool {
  readonly name: string;
  readonly database: string;
  readonly user: string;
  /** `pool_size`; 0 = no limit. */
  readonly size: Figure;
  /** `reserve_pool_size`. */
  readonly reserve: Figure;
  readonly minimum: Figure;
  /** `query_wait_timeout` in seconds; 0 = endless. */
  readonly queryWait: Figure;
  readonly mode: string;
  readonly modePath: string;
  /** `max_db_connections` and `max_user_connections` above it; 0 = no limit. */
  readonly databaseCap: Figure;
  readonly userCap: Figure;
  /** Whether the kit's application works through it. */
  readonly isApplications: boolean;
}

/** The whole way from the application to Postgres in numbers, each with the setting it comes from. */
export interface ConnectionPath {
  readonly deployment: Deployment;
  readonly databaseName: string;
  readonly pools: readonly Pool[];
  /** Whether Prometheus' exporters connect, too. */
  readonly hasExporters: boolean;
  /** A value of the preset under the user's overrides. */
  size(name: keyof Preset): Figure;
  /** How long PgBouncer may take to stop. */
  readonly poolerStopSeconds: number;
  /** A global setting of PgBouncer. */
  global(name: string): Figure;
  /** The same where it is a text. */
  text(name: string): string;
  /** A limit on clients of a database entry or a role; 0 = no limit. */
  databaseClients(database: string): Figure;
  userClients(user: string): Figure;
  /** A setting of PgBouncer that a role's entry may hold, as it is for that role. */
  ofUser(user: string, name: string): Figure;
  option(name: Exclude<keyof BudgetOptions, "check">): Figure;
  /** What the application in the container asks for. */
  readonly application: ApplicationDemand;
  demand(name: keyof typeof demandRanges): Figure;
  /** PgBouncers before this Postgres: itself and its peers. Each has all pools and limits for itself. */
  readonly pgbouncerProcesses: number;
}

/** The override that sets the same thing as a setting of PgBouncer (see `pgbouncerPreset`). */
const overrideOf: Readonly<Record<string, keyof Preset>> = {
  max_client_conn: "maxClientConnections",
  default_pool_size: "poolSize",
  reserve_pool_size: "reservePoolSize",
  reserve_pool_timeout: "reservePoolTimeoutSeconds",
  max_db_connections: "maxDatabaseConnections",
  query_wait_timeout: "queryWaitTimeoutSeconds",
  server_connect_timeout: "serverConnectTimeoutSeconds",
  server_login_retry: "serverLoginRetrySeconds",
  client_login_timeout: "queryWaitTimeoutSeconds",
};

export function connectionPath(
  input: SizingInput,
  { sizes, pgbouncer, options, observability }: Sizing,
  deployment: Deployment,
): ConnectionPath {
  const isGiven = (section: object, name: string) => Object.hasOwn(section, name);
  const size = (name: keyof Preset): Figure => ({
    value: Number(sizes[name]),
    path: `overrides.${name}`,
    isUsers: isGiven(input.overrides, name),
  });
  const global = (name: string): Figure => {
    const value = Number(pgbouncer.settings[name] ?? pgbouncerSettings[name]?.default ?? 0);
    const override = overrideOf[name];
    return isGiven(input.pgbouncer, name) || override === undefined
      ? { value, path: `pgbouncer.${name}`, isUsers: isGiven(input.pgbouncer, name) }
      : { ...size(override), value };
  };
  /** What an entry says itself: PgBouncer asks the user's first, then the database's. */
  const entryValue = (user: string, database: string, key: string) => {
    const ofUser = pgbouncer.users[user]?.[key];
    if (ofUser !== undefined) return { text: ofUser, path: `pgbouncer.users.${user}.${key}` };
    const ofDatabase = pgbouncer.databases[database]?.[key];
    const path = `pgbouncer.databases.${database}.${key}`;
    return ofDatabase === undefined ? undefined : { text: ofDatabase, path };
  };
  const entry = (user: string, database: string, key: string, globalName: string): Figure => {
    const own = entryValue(user, database, key);
    return own === undefined
      ? global(globalName)
      : { value: Number(own.text), path: own.path, isUsers: true };
  };
  const modeOf = (user: string, database: string) => {
    const own = entryValue(user, database, "pool_mode");
    return own === undefined
      ? { mode: pgbouncer.settings.pool_mode ?? "session", modePath: "pgbouncer.pool_mode" }
      : { mode: own.text, modePath: own.path };
  };
  const poolOf = (database: string, user: string): Pool => ({
    name: `${database}/${user}`,
    database,
    user,
    size: entry(user, database, "pool_size", "default_pool_size"),
    reserve: entry(user, database, "reserve_pool_size", "reserve_pool_size"),
    minimum: entry("", database, "min_pool_size", "min_pool_size"),
    queryWait: entry(user, database, "query_wait_timeout", "query_wait_timeout"),
    databaseCap: entry("", database, "max_db_connections", "max_db_connections"),
    userCap: entry(user, "", "max_user_connections", "max_user_connections"),
    ...modeOf(user, database),
    isApplications: database === input.databaseName && user === roles.app,
  });
  const application = applicationDemand(input.application);
  return {
    deployment,
    application,
    demand: (name) => ({
      value: application[name],
      path: `application.${name}`,
      isUsers: isGiven(input.application, name),
    }),
    pgbouncerProcesses: new Set([...Object.keys(pgbouncer.peers), pgbouncer.settings.peer_id ?? "0"]).size,
    databaseName: input.databaseName,
    hasExporters: observability,
    pools: Object.keys(pgbouncer.databases).map((database) => poolOf(database, roles.app)),
    size,
    poolerStopSeconds: poolerStopSeconds(sizes),
    global,
    text: (name) => pgbouncer.settings[name] ?? pgbouncerSettings[name]?.default ?? "",
    databaseClients: (database) =>
      entry("", database, "max_db_client_connections", "max_db_client_connections"),
    userClients: (user) => entry(user, "", "max_user_client_connections", "max_user_client_connections"),
    ofUser: (user, name) => entry(user, "", name, name),
    option: (name) => ({
      value: options[name] ?? 0,
      path: `budget.${name}`,
      isUsers: isGiven(input.budget, name),
    }),
  };
}

/** Server connections that PgBouncer opens for a pool at most: never more than it lets clients in. */
export function poolServers(path: ConnectionPath, pool: Pool): number {
  const clients = Math.max(path.global("max_client_conn").value, pool.minimum.value);
  return Math.min(limitOf(pool.size) + reserveServers(path, pool), clients);
}

/** Those of them that are opened only after a wait; a wait of 0 switches the reserve off. */
export function reserveServers(path: ConnectionPath, { reserve }: Pool): number {
  return path.global("reserve_pool_timeout").value === 0 ? 0 : reserve.value;
}

/**
 * What one pool has under the caps above it, whatever the role's other pools hold: PgBouncer gives a server that one
 * of them releases to its own next client first, so that a pool may get none of them for any length of time. One
 * process.
 */
export function ownServers(path: ConnectionPath, pool: Pool, wanted = poolServers(path, pool)): number {
  const left = Math.max(0, limitOf(pool.userCap) - siblingServers(path, pool));
  return Math.min(wanted, limitOf(pool.databaseCap), left);
}

/** The role's other pools. */
export function siblingPools(path: ConnectionPath, pool: Pool): Pool[] {
  return path.pools.filter(({ user, name }) => user === pool.user && name !== pool.name);
}

/** Servers that the role's other pools may hold at the same moment. */
export function siblingServers(path: ConnectionPath, pool: Pool): number {
  return siblingPools(path, pool).reduce(
    (sum, sibling) => sum + Math.min(poolServers(path, sibling), limitOf(sibling.databaseCap)),
    0,
  );
}

/** The same for all pools together, under `max_db_connections` and `max_user_connections`. One process. */
export function allServers(path: ConnectionPath): number {
  const sum = (pools: readonly Pool[]) => pools.reduce((total, pool) => total + poolServers(path, pool), 0);
  const capped = (key: "database" | "user", cap: (pool: Pool) => number) =>
    [...Map.groupBy(path.pools, (pool) => pool[key]).values()].reduce((total, pools) => {
      const [first] = pools;
      return total + Math.min(sum(pools), first === undefined ? 0 : cap(first));
    }, 0);
  return Math.min(
    capped("database", (pool) => limitOf(pool.databaseCap)),
    capped("user", (pool) => limitOf(pool.userCap)),
  );
}

/**
 * Backends that PgBouncer has given up and Postgres has not noticed yet (a client that left in the middle of a query):
 * they still count, until `client_connection_check_interval` has passed. Of all processes.
 */
export function abandonedBackends(path: ConnectionPath): number {
  return path.pgbouncerProcesses * Math.max(2, Math.ceil(0.1 * allServers(path)));
}
