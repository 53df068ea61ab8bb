import { isDeepStrictEqual } from "node:util";
import { type Config, type ConfigResult, type DatabaseSettings, loadConfig } from "../config/config.ts";
import { classifyFailure } from "../database/database-failure.ts";
import type { PoolLog } from "../database/pool-log.ts";
import { trialLogin } from "./trial-login.ts";

/** The part of the database layer that a change needs. */
export interface ExchangeablePool {
  use(settings: DatabaseSettings): Promise<void>;
}

type ReloadLog = Pick<PoolLog, "info" | "warn">;

/** Everything a reload touches; the defaults are the real ones, tests hand in others. */
export interface LiveConfigOptions {
  readonly pool: ExchangeablePool;
  readonly log: ReloadLog;
  readonly load?: () => ConfigResult;
  /** True when `settings` lead to a database that accepts the login. */
  readonly canLogIn?: (settings: DatabaseSettings) => Promise<boolean>;
}

/**
 * The configuration in force, and the way to a new one while the process runs. A configuration that cannot be read,
 * that is wrong, or whose new URL does not log in is refused: the former one stays and `lastError` says why.
 */
export class LiveConfig {
  #current: Config;
  #lastError: string | null = null;
  #reloading: Promise<unknown> = Promise.resolve();
  readonly #pool: ExchangeablePool;
  readonly #log: ReloadLog;
  readonly #load: () => ConfigResult;
  readonly #canLogIn: (settings: DatabaseSettings) => Promise<boolean>;

  constructor(initial: Config, options: LiveConfigOptions) {
    this.#current = initial;
    this.#pool = options.pool;
    this.#log = options.log;
    this.#load = options.load ?? loadConfig;
    this.#canLogIn = options.canLogIn ?? ((settings) => trialLogin(settings));
  }

  get current(): Config {
    return this.#current;
  }

  /** Why the last reload was refused; null when it was taken over. Never holds a secret. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /**
   * Reads everything again. Reloads run one after the other, each with what the files say when its turn comes. Resolves
   * with whether the configuration was taken over. With `isAgain` the same refusal as before is not logged once more.
   */
  reload({ isAgain = false } = {}): Promise<boolean> {
    const reloaded = this.#reloading
      .then(() => this.#reloadNow())
      // A pool that does not open must not end all reloads to come.
      .catch((error: unknown) => `the change failed: ${classifyFailure(error)}`)
      .then((problem) => {
        if (problem !== null && !(isAgain && problem === this.#lastError)) {
          this.#log.warn({ problem }, "configuration refused, the former one stays in force");
        }
        this.#lastError = problem;
        return problem === null;
      });
    this.#reloading = reloaded;
    return reloaded;
  }

  /** Takes over what the files say, or says why not. */
  async #reloadNow(): Promise<string | null> {
    const result = this.#load();
    if (!result.ok) return result.problems.join("\n");
    const next = result.config;
    // A signal and the watch may both tell of one change.
    if (isDeepStrictEqual(next, this.#current)) return null;
    const problem = await this.#problemOf(next);
    if (problem !== null) return problem;
    if (!isDeepStrictEqual(this.#current.database, next.database)) await this.#pool.use(next.database);
    this.#current = next;
    for (const warning of next.warnings) this.#log.warn({}, warning);
    this.#log.info({ revision: next.revision, values: next.effective }, "configuration in force");
    return null;
  }

  async #problemOf(next: Config): Promise<string | null> {
    const { database } = this.#current;
    if (next.database.schema !== database.schema) {
      return "DATABASE_URL: the schema cannot change while the process runs; restart the application";
    }
    // New settings for the same login need no trial: then an outage of the database must not block them.
    if (next.database.connectionString === database.connectionString) return null;
    return (await this.#canLogIn(next.database))
      ? null
      : "DATABASE_URL: the new URL does not log in; check user, password, host and PgBouncer's userlist";
  }
}
