import type { EngineNames } from "../../infra/names.ts";

/** What advice and commands name: the stack, its containers and its limits (the output `poolLimits`). */
export interface Place {
  readonly stack: string;
  readonly names: EngineNames;
  readonly limits: Readonly<Record<string, number>>;
}

interface Cause {
  /** What to do, and which number to change. */
  readonly advice: (place: Place) => string;
  /** The command to run next, where no rule knows a more exact one. Needs no password on the command line. */
  readonly command: (place: Place) => string;
}

const up = ({ stack }: Place) => `npx poolkit up -s ${stack}`;
const repair = ({ stack }: Place) => `pulumi up --refresh -s ${stack}`;
const log = (component: "postgres" | "pgbouncer" | "app") => (place: Place) =>
  `docker logs --tail 50 ${place.names[component]}`;
const override = (name: string, example: (limits: Place["limits"]) => number) => (place: Place) =>
  `pulumi config set --path poolkit:overrides.${name} ${example(place.limits)} -s ${place.stack} && pulumi up -s ${place.stack}`;
const inspect = (what: string) => (place: Place) => `npx poolkit inspect ${what} -s ${place.stack}`;

/** How a limit stands in a sentence: its number where the stack's outputs have it. */
const now = (limits: Place["limits"], name: string) =>
  limits[name] === undefined ? "" : ` (now ${limits[name]})`;

/**
 * Every cause that the doctor names, in the order of weight: what brings the others about stands first. The names are
 * those of the application's health where it has the same cause.
 */
export const causes = {
  engine_unreachable: {
    advice: () => "Start Docker Engine, or set DOCKER_HOST to the engine that the stack was deployed to.",
    command: () => "docker info",
  },
  ports_elsewhere: {
    advice: () =>
      "The engine publishes ports on its own 127.0.0.1: run this on its machine, or forward them here. On this machine's own engine the mapping is lost: restart the containers.",
    command: ({ names }) =>
      `docker port ${names.postgres}; docker port ${names.pgbouncer}; docker port ${names.app}`,
  },
  state_unreadable: {
    advice: () =>
      "Pulumi does not hand out the stack's state, so only the engine was looked at: see its reason (passphrase, backend, login).",
    command: ({ stack }) => `pulumi stack export -s ${stack} >/dev/null`,
  },
  not_deployed: {
    advice: () => "The state has no finished deployment to look through: run up and see its first error.",
    command: up,
  },
  update_interrupted: {
    advice: (place) =>
      `An update is running or was killed: wait for it. When none runs, here or elsewhere, run ${up(place)}, which looks for what a killed one had made (if the stack is still locked: pulumi cancel first).`,
    command: () => "ps axww -o pid,etime,args | grep '[p]ulumi '",
  },
  disk_full: {
    advice: () =>
      "Give the file system of the data volume space before Postgres stops: remove old data, images or logs, or enlarge the disk.",
    command: () => "docker system df",
  },
  out_of_memory: {
    advice: () =>
      "The kernel ends processes of a container that reaches its memory limit: lower pools and work_mem, or give the container more.",
    command: ({ names }) => `docker stats --no-stream ${names.postgres} ${names.pgbouncer} ${names.app}`,
  },
  dns: {
    advice: () => "A container is not known by its name in the stack's network: attach it again.",
    command: repair,
  },
  stale_address: {
    advice: () =>
      "Restart PgBouncer: Postgres' container was started again at another address, and PgBouncer's resolver (c-ares) keeps the former one for up to ten minutes, whatever dns_max_ttl is.",
    command: ({ names }) => `docker restart ${names.pgbouncer}`,
  },
  postgres_unreachable: {
    advice: () =>
      "Start Postgres; PgBouncer keeps its clients waiting and goes on by itself within server_login_retry.",
    command: log("postgres"),
  },
  postgres_connections_exhausted: {
    advice: ({ limits }) =>
      `End sessions that nobody needs; direct connections count against max_connections${now(limits, "postgres")}: let applications connect through PgBouncer.`,
    // Works when nobody can log in: the titles of the server's processes say who is who.
    command: ({ names }) => `docker top ${names.postgres} -eo pid,args`,
  },
  login_failing: {
    advice: () =>
      "The application's role, its password in Postgres and PgBouncer's userlist must belong together: deploy them again.",
    command: repair,
  },
  pgbouncer_paused: {
    advice: () => "Somebody paused the pooler: resume it when the planned work is done.",
    command: ({ names }) => `docker kill --signal USR2 ${names.pgbouncer}`,
  },
  pgbouncer_unreachable: {
    advice: () => "Start PgBouncer and see its log for the reason.",
    command: log("pgbouncer"),
  },
  idle_in_transaction: {
    advice: () =>
      "End the transaction in the application that opened it: no work that waits for others between BEGIN and COMMIT; poolkit:overrides.idleInTransactionTimeoutSeconds is the limit.",
    command: inspect("queries"),
  },
  lock_wait: {
    advice: () =>
      "End the session that holds the lock; keep transactions short and take locks in the same order; poolkit:overrides.lockTimeoutSeconds is the limit.",
    command: inspect("locks"),
  },
  slow_queries: {
    advice: () =>
      "See the statements and their plans, and add an index or less work; poolkit:overrides.statementTimeoutSeconds is the limit.",
    command: inspect("queries --show-sql"),
  },
  pgbouncer_client_limit: {
    advice: ({ limits }) =>
      `Raise poolkit:overrides.maxClientConnections${now(limits, "pgbouncerClients")}, or lower replicas times DATABASE_CONNECTION_LIMIT${now(limits, "application")}.`,
    command: inspect("clients"),
  },
  pgbouncer_pool_exhausted: {
    advice: ({ limits }) =>
      `First end what holds the server connections for long; if all of them work, raise poolkit:overrides.poolSize, or the pool_size in poolkit:pgbouncer that wins over it${now(limits, "pgbouncerPool")}.`,
    command: inspect("pools"),
  },
  migration_pending: {
    advice: () => "Deploy the migrations over the direct connection.",
    command: repair,
  },
  app_pool_leak: {
    advice: () => "Give every connection back in a finally; the application's health names who did not.",
    command: ({ stack }) => `npx poolkit health --json -s ${stack}`,
  },
  app_pool_exhausted: {
    advice: ({ limits }) =>
      `Find slow or leaking work, or raise poolkit:overrides.connectionLimit${now(limits, "application")}.`,
    command: override("connectionLimit", ({ application = 10 }) => application * 2),
  },
  app_unreachable: {
    advice: () => "Start the application's container and see its log for the reason.",
    command: log("app"),
  },
  query_failing: {
    advice: () => "See the logs of PgBouncer and Postgres for the reason.",
    command: log("pgbouncer"),
  },
  configuration_refused: {
    advice: () => "The application refused its last configuration and keeps the former one: correct it.",
    command: log("app"),
  },
  configuration_drift: {
    advice: () =>
      "Something was changed beside Pulumi: deploy again to repair it, or take it into the configuration.",
    command: repair,
  },
  container_restarting: {
    advice: () => "The container ended and was started again by the engine: see why.",
    command: ({ names }) => `docker logs --tail 50 ${names.app}`,
  },
  descriptors_low: {
    advice: () =>
      "PgBouncer may run out of file descriptors before its limits: deploy again with its own limit.",
    command: repair,
  },
  clock_skew: {
    advice: () =>
      "Synchronise the clocks (NTP): certificates, tokens and logs of different hosts will not fit.",
    command: () => "timedatectl status",
  },
  monitoring_incomplete: {
    advice: () =>
      "A login or a container of the monitoring does not work: a part of this report, figures or alerts are missing.",
    command: repair,
  },
} satisfies Readonly<Record<string, Cause>>;

export type CauseName = keyof typeof causes;

/** Position in the order of weight; a cause that only the application knows comes after all others. */
export function weightOf(cause: string): number {
  const position = Object.keys(causes).indexOf(cause);
  return position < 0 ? Number.MAX_SAFE_INTEGER : position;
}

export function isKnown(cause: string): cause is CauseName {
  return Object.hasOwn(causes, cause);
}
