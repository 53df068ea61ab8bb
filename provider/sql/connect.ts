import type { Client, ClientConfig } from "pg";
import { distinct } from "../model/distinct.ts";
import { messageOf, UserError } from "../model/errors.ts";
import { integer, name, object, secret, text } from "../model/shape.ts";

/** How to log in to Postgres. */
export const connectionShape = object({
  host: name,
  port: integer(1, 65_535),
  database: text(),
  user: text(),
  password: secret(text()),
});

/** A login: `database` is `pgbouncer` for PgBouncer's console. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

const connectTimeoutMs = 5_000;
const queryTimeoutMs = 30_000;

/** A failed login or statement; the message has host, port, user and the server's words, never the password. */
export class SqlError extends UserError {
  override readonly name = "SqlError";
  /** SQLSTATE or system error code, when there is one. */
  readonly code: string | undefined;
  /** The server never answered: refused, unknown name, timeout, starting or shutting down. */
  get isUnreachable(): boolean {
    return this.code === undefined
      ? /timeout|terminated/.test(this.message)
      : /^(E[A-Z_]+|57P0[123])$/.test(this.code);
  }
  /** The password does not match, or no rule lets this login in. PgBouncer says both as 08P01. */
  get isRefusedLogin(): boolean {
    return this.code === "28P01" || this.code === "28000" || this.code === "08P01";
  }
  /** The role has another password, or none, or is not there: Postgres tells these apart only in its log. */
  get isWrongPassword(): boolean {
    return this.code === "28P01";
  }
  /** The login is right, the database is not there. */
  get isMissingDatabase(): boolean {
    return this.code === "3D000";
  }
  /** Nobody got in under this login: another one may work, and nothing was done. */
  get hasNoSession(): boolean {
    return this.isUnreachable || this.isRefusedLogin;
  }
  constructor(message: string, cause: unknown) {
    super(message);
    this.code =
      cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  }
}

/**
 * Logs in, runs `use`, logs out. All settings are explicit: the deployer's PG* variables must not reach in.
 * @throws SqlError of the login or a statement; a UserError of `use` as it is
 */
export async function withClient<T>(
  connection: Connection,
  use: (client: Client) => Promise<T>,
  options: Pick<ClientConfig, "query_timeout"> = { query_timeout: queryTimeoutMs },
): Promise<T> {
  const { default: pg } = await import("pg");
  // The one variable of the deployer that no setting overrides; PgBouncer refuses what usually stands in it.
  delete process.env.PGOPTIONS;
  const client = new pg.Client({
    ...connection,
    ...options,
    ssl: false,
    application_name: "poolkit-deploy",
    connectionTimeoutMillis: connectTimeoutMs,
  });
  // A connection lost between two statements is reported by the next one; without a listener it ends the process.
  client.on("error", () => {});
  const place = `${connection.user}@${connection.host}:${connection.port}/${connection.database}`;
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw error instanceof UserError ? error : new SqlError(`${place}: ${messageOf(error)}`, error);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * The logins that may hold while a change of them is under way, the wanted one first: a password holds from the change on,
 * another port only once the container that publishes it is there, which comes later.
 */
export function loginsBetween(wanted: Connection, former: Connection): Connection[] {
  const { host, port } = former;
  return distinct([wanted, { ...wanted, host, port }, former]);
}

/**
 * `withClient` under the first login that works.
 * @throws SqlError of the first login when none works
 */
export async function withFirstClient<T>(
  connections: readonly Connection[],
  use: (client: Client) => Promise<T>,
): Promise<T> {
  let first: unknown;
  for (const connection of connections) {
    try {
      return await withClient(connection, use);
    } catch (error) {
      first ??= error;
      if (!(error instanceof SqlError) || !error.hasNoSession) throw error;
    }
  }
  throw first;
}
