import { buildInfo } from "../generated/build-info.ts";
import type { Config } from "./config.ts";
import { type HealthBody, healthBody, type Layers, layersOf } from "./health-body.ts";
import type { RoleLimits } from "./health-limits.ts";
import {
  lookAtDisk,
  lookAtPath,
  lookAtPgBouncer,
  lookAtPostgres,
  lookAtSessions,
  type PathReport,
  type PgBouncerReport,
  type PostgresReport,
  type SessionReport,
} from "./health-probes.ts";
import type { PoolState } from "./pool-exchange.ts";
import { KeptProbe, type ProbeResult, probe } from "./probe-connection.ts";
import { SharedProbe } from "./shared-probe.ts";

/** Results are shared for so long: at most two looks a second, however many ask. */
const FRESH_FOR_MS = 500;
/** Counting sessions costs more with more data, and writing shows in pg_stat_database.temp_files: both less often. */
const COSTLY_FRESH_FOR_MS = 2000;
/** How often the ways that the application may need next are logged in to: what is refused is named within 5 s. */
const LOGIN_EVERY_MS = 2000;
/** The console gives figures only; that it lets somebody in matters to nobody else. */
const CONSOLE_LOGIN_EVERY_MS = 60_000;

/** Calls so close to each other get the same body: at 200 calls a second, shaping and writing it would be half the cost. */
const SAME_BODY_FOR_MS = 50;

/** What health needs from the rest of the application, always as it is now. */
export interface HealthSources {
  config(): Config;
  configurationError(): string | null;
  pool(): PoolState;
  /** HTTP requests of this process. */
  requests(): RequestCounts;
  /** Hears every body before it is given out. @default nobody does */
  onBody?(body: HealthBody): void;
}

/** Requests begun and not finished, and all that were ever begun. */
export interface RequestCounts {
  readonly underWay: number;
  readonly total: number;
}

/** Answers "is the database usable, and if not, why" on connections of its own. */
export class Health {
  readonly #sources: HealthSources;
  readonly #path: SharedProbe<ProbeResult<PathReport>>;
  readonly #components: SharedProbe<Components>;
  readonly #sessions: SharedProbe<ProbeResult<SessionReport>>;
  /** As last seen: while the path is broken nobody can read them, and they are still the ones in force. */
  #limits: RoleLimits | null = null;
  #last: { readonly body: HealthBody; readonly at: number } | null = null;

  constructor(sources: HealthSources) {
    this.#sources = sources;
    const path = new KeptProbe<PathReport>(LOGIN_EVERY_MS, (client) =>
      lookAtPath(sources.config().database.schema)(client),
    );
    this.#path = new SharedProbe(FRESH_FOR_MS, async () => {
      const seen = await path.look(sources.config().database.connectionString);
      if (seen.ok) this.#limits = seen.report.limits;
      return seen;
    });
    this.#components = new SharedProbe(
      FRESH_FOR_MS,
      componentLooks(() => sources.config()),
    );
    this.#sessions = new SharedProbe(COSTLY_FRESH_FOR_MS, () => {
      const { connectionString, schema } = sources.config().database;
      // By a login each: a second try beside a slow count, as kept connections have it, would double the work.
      return probe(connectionString, lookAtSessions(schema));
    });
  }

  /** True when a query goes through PgBouncer to Postgres and back. Answers within 2 s. */
  async isReachable(): Promise<boolean> {
    return (await this.#path.get()).ok;
  }

  /** The figures of every layer, without what costs Postgres more than a glance. Answers within 2 s. */
  async layers(): Promise<Layers> {
    const [path, components] = await Promise.all([this.#path.get(), this.#components.get()]);
    return layersOf({ path, ...components, pool: this.#sources.pool(), limits: this.#limits });
  }

  /** The whole body, the same object for calls close to each other. Answers within 2 s, whatever is broken. */
  async body(): Promise<HealthBody> {
    const [path, components, sessions] = await Promise.all([
      this.#path.get(),
      this.#components.get(),
      this.#sessions.get(),
    ]);
    const now = performance.now();
    if (this.#last === null || now - this.#last.at >= SAME_BODY_FOR_MS) {
      this.#last = { body: this.#bodyOf(path, components, sessions), at: now };
    }
    return this.#last.body;
  }

  #bodyOf(
    path: ProbeResult<PathReport>,
    components: Components,
    sessions: ProbeResult<SessionReport>,
  ): HealthBody {
    const config = this.#sources.config();
    const pool = this.#sources.pool();
    const configurationError = this.#sources.configurationError();
    const body = healthBody(
      {
        path,
        ...components,
        pool,
        leaks: pool.measurements?.overdue ?? null,
        settings: config.database,
        limits: this.#limits,
        applicationUser: decodeURIComponent(new URL(config.database.connectionString).username),
        expectedMigrations: buildInfo.migrations,
        configurationError,
      },
      {
        release: buildInfo,
        versions: { node: process.versions.node, prisma: buildInfo.prismaVersion, pg: buildInfo.pgVersion },
        sessions,
        requests: this.#sources.requests(),
        configuration: {
          revision: config.revision,
          preset: config.preset,
          stack: config.stack,
          lastError: configurationError,
          warnings: config.warnings,
          values: config.effective,
        },
        now: new Date().toISOString(),
      },
    );
    this.#sources.onBody?.(body);
    return body;
  }
}

interface Components {
  readonly postgres: ProbeResult<PostgresReport> | null;
  /** Whether Postgres can write. */
  readonly disk: ProbeResult<unknown> | null;
  readonly pgbouncer: ProbeResult<PgBouncerReport> | null;
}

/** The looks past PgBouncer and at its console. The disk is looked at on Postgres' connection, now and then. */
function componentLooks(config: () => Config): () => Promise<Components> {
  let disk: ProbeResult<unknown> | null = null;
  let nextDiskAt = 0;
  const postgres = new KeptProbe<PostgresReport>(LOGIN_EVERY_MS, async (client) => {
    const report = await lookAtPostgres(client);
    if (performance.now() >= nextDiskAt) {
      disk = await lookAtDisk(client);
      nextDiskAt = performance.now() + COSTLY_FRESH_FOR_MS;
    }
    return report;
  });
  const pgbouncer = new KeptProbe<PgBouncerReport>(CONSOLE_LOGIN_EVERY_MS, lookAtPgBouncer);
  return async () => {
    const { monitorUrl, consoleUrl } = config();
    const [server, pooler] = await Promise.all([
      monitorUrl === undefined ? null : postgres.look(monitorUrl),
      consoleUrl === undefined ? null : pgbouncer.look(consoleUrl),
    ]);
    // Where nobody gets in, nobody knows whether it can write.
    return { postgres: server, disk: server?.ok === true ? disk : server, pgbouncer: pooler };
  };
}
