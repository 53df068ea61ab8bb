import type pg from "pg";
import { during } from "../errors.ts";
import { connect } from "./connect.ts";
import { Limiter } from "./limiter.ts";
import { databaseRole, type Settings } from "./settings.ts";
import { type Feature, parseVersion, supports, type Version, versionText } from "./version.ts";

/** What statements run on: one connection. */
export interface Session {
  readonly server: Server;
  /** Runs one statement and returns its rows. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
}

/**
 * The server that the provider manages. Connections live for one step: a lingering one would keep a database from
 * being renamed, dropped or copied. Every step holds one connection at a time, so a small limit cannot block itself.
 */
export class Server {
  readonly settings: Settings;
  readonly #connections = new Map<string, Limiter>();
  /** Catalog changes of one plugin go one after the other: the server refuses concurrent ones on the same row. */
  readonly #writes = new Limiter(1);
  #version: Version | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.#version = settings.expectedVersion;
  }

  /** The role that the provider acts as. */
  get role(): string {
    return databaseRole(this.settings);
  }

  /** Runs a step on a connection to a database (default: the administrative one). */
  async session<T>(database: string, step: (session: Session) => Promise<T>): Promise<T> {
    const name = database || this.settings.database;
    return this.#limiter(name).run(async () => {
      const client = await connect(this.settings, name);
      const session: Session = {
        server: this,
        query: async (sql, values) => (await client.query(sql, values)).rows,
      };
      try {
        // Asked on each way in: a step that asks later would wait for a second connection, and hold the first.
        this.#version ??= await versionOf(session);
        return await step(session);
      } finally {
        // The server may have closed it already (DROP DATABASE … FORCE): there is nothing left to do then.
        await client.end().catch(() => {});
      }
    });
  }

  /** Runs a changing step on a connection, with no other change of this plugin at the same time. */
  async change<T>(database: string, step: (session: Session) => Promise<T>): Promise<T> {
    return this.session(database, (session) => this.#writes.run(() => step(session)));
  }

  /** Runs a changing step in a transaction; an error rolls it back. */
  async transaction<T>(
    database: string,
    step: (session: Session) => Promise<T>,
    commitFailure = "could not commit transaction",
  ): Promise<T> {
    return this.change(database, async (session) => {
      await session.query("BEGIN");
      try {
        const result = await step(session);
        await during(commitFailure, session.query("COMMIT"));
        return result;
      } catch (error) {
        // When the connection is lost the server rolls back by itself; the first error is the one to tell.
        await session.query("ROLLBACK").catch(() => {});
        throw error;
      }
    });
  }

  /** True when the server (or the version that the configuration expects) has a feature. */
  async supports(feature: Feature): Promise<boolean> {
    return supports(await this.#knownVersion(), feature);
  }

  /** The version in words, for messages. */
  async versionText(): Promise<string> {
    return versionText(await this.#knownVersion());
  }

  async #knownVersion(): Promise<Version> {
    return this.#version ?? this.session("", versionOf);
  }

  #limiter(database: string): Limiter {
    const { maxConnections } = this.settings;
    let limiter = this.#connections.get(database);
    if (!limiter) {
      limiter = new Limiter(maxConnections > 0 ? maxConnections : Number.POSITIVE_INFINITY);
      this.#connections.set(database, limiter);
    }
    return limiter;
  }
}

async function versionOf(session: Session): Promise<Version> {
  const [row] = await session.query<{ server_version: string }>("SHOW server_version");
  const version = parseVersion(row?.server_version ?? "");
  if (!version) throw new Error(`error parsing version: ${row?.server_version}`);
  return version;
}
