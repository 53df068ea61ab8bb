import { buildInfo } from "../generated/build-info.ts";
import type { Config } from "./config.ts";
import { type HealthBody, healthBody } from "./health-body.ts";
import type { RoleLimits } from "./health-limits.ts";
import {
  type PathReport,
  probeDisk,
  probePath,
  probePgBouncer,
  probePostgres,
  probeSessions,
  type SessionReport,
} from "./health-probes.ts";
import type { PoolState } from "./pool-exchange.ts";
import type { ProbeResult } from "./probe-connection.ts";
import { SharedProbe } from "./shared-probe.ts";

/** Results are shared for so long: at most two looks a second, however many ask. */
const FRESH_FOR_MS = 500;
/** Counting sessions costs more with more data, and writing shows in pg_stat_database.temp_files: both less often. */
const COSTLY_FRESH_FOR_MS = 2000;

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
  readonly #disk: SharedProbe<ProbeResult<unknown> | null>;
  /** As last seen: while the path is broken nobody can read them, and they are still the ones in force. */
  #limits: RoleLimits | null = null;

  constructor(sources: HealthSources) {
    this.#sources = sources;
    const database = () => sources.config().database;
    this.#path = new SharedProbe(FRESH_FOR_MS, async () => {
      const path = await probePath(database().connectionString, database().schema);
      if (path.ok) this.#limits = path.report.limits;
      return path;
    });
    this.#components = new SharedProbe(FRESH_FOR_MS, () => probeComponents(sources.config()));
    this.#sessions = new SharedProbe(COSTLY_FRESH_FOR_MS, () =>
      probeSessions(database().connectionString, database().schema),
    );
    this.#disk = new SharedProbe(COSTLY_FRESH_FOR_MS, async () => {
      const { monitorUrl } = sources.config();
      return monitorUrl === undefined ? null : await probeDisk(monitorUrl);
    });
  }

  /** True when a query goes through PgBouncer to Postgres and back. Answers within 2 s. */
  async isReachable(): Promise<boolean> {
    return (await this.#path.get()).ok;
  }

  /** The whole body. Answers within 2 s, whatever is broken. */
  async body(): Promise<HealthBody> {
    const [path, components, sessions, disk] = await Promise.all([
      this.#path.get(),
      this.#components.get(),
      this.#sessions.get(),
      this.#disk.get(),
    ]);
    const config = this.#sources.config();
    const pool = this.#sources.pool();
    const configurationError = this.#sources.configurationError();
    const body = healthBody(
      {
        path,
        ...components,
        disk,
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
  readonly postgres: Awaited<ReturnType<typeof probePostgres>> | null;
  readonly pgbouncer: Awaited<ReturnType<typeof probePgBouncer>> | null;
}

async function probeComponents({ monitorUrl, consoleUrl }: Config): Promise<Components> {
  const [postgres, pgbouncer] = await Promise.all([
    monitorUrl === undefined ? null : probePostgres(monitorUrl),
    consoleUrl === undefined ? null : probePgBouncer(consoleUrl),
  ]);
  return { postgres, pgbouncer };
}
