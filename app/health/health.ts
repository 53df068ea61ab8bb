import type { Config } from "../config/config.ts";
import type { PoolState } from "../database/pool-state.ts";
import { KeptProbe, type ProbeResult } from "../database/probe-connection.ts";
import { buildInfo } from "../generated/build-info.ts";
import { DiskWatch } from "./disk-watch.ts";
import { type HealthBody, healthBody, type Layers, layersOf } from "./health-body.ts";
import type { RoleLimits } from "./health-limits.ts";
import type { Observation } from "./health-observation.ts";
import {
  lookAtPath,
  lookAtPostgres,
  lookAtSessions,
  type PathReport,
  type PgBouncerReport,
  type PostgresReport,
  pgBouncerLook,
  type SessionReport,
} from "./health-probes.ts";
import { type Verdict, verdictOf } from "./health-verdict.ts";
import { SharedProbe } from "./shared-probe.ts";

/** Results are shared for so long: at most two looks a second, however many ask. */
const FRESH_FOR_MS = 500;
/** Counting sessions costs more with more data, and writing shows in pg_stat_database.temp_files: both less often. */
const COSTLY_FRESH_FOR_MS = 2000;
/** So many times as long as the sessions took to count nobody counts them again: a big table is not counted all the time. */
const PAUSE_PER_COUNT = 20;
/** How often the ways that the application may need next are logged in to: what is refused is named within 5 s. */
const LOGIN_EVERY_MS = 2000;
/** The console and the counts give figures only; that somebody is let in for them matters to nobody else. */
const FIGURES_LOGIN_EVERY_MS = 60_000;

/** Calls so close to each other get the same body: shaping and writing it costs more than all else of a call. */
const SAME_BODY_FOR_MS = 250;

/** What health needs from the rest of the application, always as it is now. */
export interface HealthSources {
  config(): Config;
  configurationError(): string | null;
  pool(): PoolState;
  /** HTTP requests of this process. */
  requests(): RequestCounts;
  /** Hears the verdict of everything that was looked at for somebody, in the order of the looks. @default nobody does */
  onVerdict?(verdict: ToldVerdict): void;
}

/** Requests begun and not finished, and all that were ever begun. */
export interface RequestCounts {
  readonly underWay: number;
  readonly total: number;
}

/** What is told of a verdict. */
export type ToldVerdict = Pick<Verdict, "status" | "cause" | "output">;

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
    const sessions = new KeptProbe<SessionReport>(
      FIGURES_LOGIN_EVERY_MS,
      (client) => lookAtSessions(sources.config().database.schema)(client),
      { hasSecondTry: false },
    );
    this.#sessions = new SharedProbe(pauseAfterCount, () =>
      sessions.look(sources.config().database.connectionString),
    );
  }

  /** True when a query goes through PgBouncer to Postgres and back. Answers within 2 s. */
  async isReachable(): Promise<boolean> {
    return (await this.#path.get()).ok;
  }

  /** The figures of every layer, without what costs Postgres more than a glance. Answers within 2 s. */
  async layers(): Promise<Layers> {
    return layersOf(await this.#look());
  }

  /** The whole body, the same object for calls close to each other. Answers within 2 s, whatever is broken. */
  async body(): Promise<HealthBody> {
    const known = this.#freshBody();
    if (known !== null) return known;
    const [seen, sessions] = await Promise.all([this.#look(), this.#sessions.get()]);
    // Those who waited for the same looks get the same body.
    const made = this.#freshBody();
    if (made !== null) return made;
    const body = this.#bodyOf(seen, sessions);
    this.#last = { body, at: performance.now() };
    return body;
  }

  /** What the verdict is made of; tells it, so that who looks all the time lets the log know of what nobody asks for. */
  async #look(): Promise<Observation> {
    const [path, components] = await Promise.all([this.#path.get(), this.#components.get()]);
    const seen = this.#observation(path, components);
    this.#sources.onVerdict?.(verdictOf(seen));
    return seen;
  }

  #freshBody(): HealthBody | null {
    const last = this.#last;
    return last !== null && performance.now() - last.at < SAME_BODY_FOR_MS ? last.body : null;
  }

  #observation(path: ProbeResult<PathReport>, components: Components): Observation {
    const { database } = this.#sources.config();
    const pool = this.#sources.pool();
    const { username, pathname } = new URL(database.connectionString);
    return {
      path,
      ...components,
      pool,
      leaks: pool.measurements?.overdue ?? null,
      settings: database,
      limits: this.#limits,
      applicationUser: decodeURIComponent(username),
      applicationDatabase: decodeURIComponent(pathname.slice(1)),
      expectedMigrations: buildInfo.migrations,
      configurationError: this.#sources.configurationError(),
    };
  }

  #bodyOf(seen: Observation, sessions: ProbeResult<SessionReport>): HealthBody {
    const config = this.#sources.config();
    return healthBody(seen, {
      release: buildInfo,
      versions: { node: process.versions.node, prisma: buildInfo.prismaVersion, pg: buildInfo.pgVersion },
      sessions,
      requests: this.#sources.requests(),
      configuration: {
        revision: config.revision,
        preset: config.preset,
        stack: config.stack,
        lastError: seen.configurationError,
        warnings: config.warnings,
        values: config.effective,
      },
      now: new Date().toISOString(),
    });
  }
}

/** For how long counts stand. Only what came through says how long counting takes. */
function pauseAfterCount(counted: ProbeResult<SessionReport>, tookMs: number): number {
  return counted.ok ? Math.max(COSTLY_FRESH_FOR_MS, PAUSE_PER_COUNT * tookMs) : COSTLY_FRESH_FOR_MS;
}

interface Components {
  readonly postgres: ProbeResult<PostgresReport> | null;
  /** Whether Postgres can write. */
  readonly disk: ProbeResult<unknown> | null;
  readonly pgbouncer: ProbeResult<PgBouncerReport> | null;
}

/** The looks past PgBouncer and at its console. The disk is looked at on Postgres' connection, now and then. */
function componentLooks(config: () => Config): () => Promise<Components> {
  const disk = new DiskWatch();
  const postgres = new KeptProbe<PostgresReport>(LOGIN_EVERY_MS, async (client) => {
    const report = await lookAtPostgres(client);
    await disk.look(client);
    return report;
  });
  const pgbouncer = new KeptProbe<PgBouncerReport>(FIGURES_LOGIN_EVERY_MS, pgBouncerLook());
  return async () => {
    const { monitorUrl, consoleUrl } = config();
    const [server, pooler] = await Promise.all([
      monitorUrl === undefined ? null : postgres.look(monitorUrl),
      consoleUrl === undefined ? null : pgbouncer.look(consoleUrl),
    ]);
    // Where nobody gets in, nobody knows whether it can write.
    return { postgres: server, disk: server?.ok === true ? disk.seen : server, pgbouncer: pooler };
  };
}
