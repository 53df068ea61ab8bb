import { buildInfo } from "../generated/build-info.ts";
import type { Config } from "./config.ts";
import { type HealthBody, healthBody } from "./health-body.ts";
import {
  type PathReport,
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
/** Counting sessions is the one probe whose cost grows with the data. */
const SESSIONS_FRESH_FOR_MS = 2000;

/** What health needs from the rest of the application, always as it is now. */
export interface HealthSources {
  config(): Config;
  configurationError(): string | null;
  pool(): PoolState;
}

/** Answers "is the database usable, and if not, why" on connections of its own. */
export class Health {
  readonly #sources: HealthSources;
  readonly #path: SharedProbe<ProbeResult<PathReport>>;
  readonly #components: SharedProbe<Components>;
  readonly #sessions: SharedProbe<ProbeResult<SessionReport>>;

  constructor(sources: HealthSources) {
    this.#sources = sources;
    const database = () => sources.config().database;
    this.#path = new SharedProbe(FRESH_FOR_MS, () =>
      probePath(database().connectionString, database().schema),
    );
    this.#components = new SharedProbe(FRESH_FOR_MS, () => probeComponents(sources.config()));
    this.#sessions = new SharedProbe(SESSIONS_FRESH_FOR_MS, () =>
      probeSessions(database().connectionString, database().schema),
    );
  }

  /** True when a query goes through PgBouncer to Postgres and back. Answers within 2 s. */
  async isReachable(): Promise<boolean> {
    return (await this.#path.get()).ok;
  }

  /** The whole body. Answers within 2 s, whatever is broken. */
  async body(): Promise<HealthBody> {
    const [path, components, sessions] = await Promise.all([
      this.#path.get(),
      this.#components.get(),
      this.#sessions.get(),
    ]);
    const config = this.#sources.config();
    const configurationError = this.#sources.configurationError();
    return healthBody(
      {
        path,
        ...components,
        pool: this.#sources.pool(),
        expectedMigrations: buildInfo.migrations,
        configurationError,
      },
      {
        release: buildInfo,
        versions: { node: process.versions.node, prisma: buildInfo.prismaVersion, pg: buildInfo.pgVersion },
        sessions,
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
