import { nearestName } from "./nearest-name.ts";

/** A pooled URL taken apart: what pg gets, and the parameters that pg would ignore and the application applies. */
export interface PooledUrl {
  /** The URL without every parameter that this application applies itself. */
  readonly connectionString: string;
  /** Postgres schema for Prisma's generated SQL. */
  readonly schema: string;
  /** Texts of `connection_limit` and `pool_timeout`, checked later by the same rules as the settings they stand for. */
  readonly connectionLimit: string | undefined;
  readonly poolTimeout: string | undefined;
  /** Parameters that have no effect and were dropped, each with what to use instead. */
  readonly dropped: readonly string[];
}

/** Outcome of reading a URL: its parts, or everything that is wrong, in words that hold no part of the secret. */
export type UrlResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The schema of a Poolkit stack; the roles' search_path names the same one. */
const DEFAULT_SCHEMA = "app";

/** Parameters that pg understands and PgBouncer accepts. */
const PASSED_ON = ["sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "uselibpqcompat"];
/** Parameters that the application applies and strips, because pg ignores them. */
const APPLIED = ["connection_limit", "pool_timeout", "schema"];
/** Parameters of older Prisma versions that mean nothing now, and one that pg would put before the layer's own names. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  pgbouncer: "PgBouncer >= 1.21 needs no such flag",
  connect_timeout: "DATABASE_ACQUIRE_TIMEOUT bounds connecting and waiting",
  application_name: "health tells connections apart by the names that they have",
};
/** Startup parameters that PgBouncer refuses; they belong to the role (`ALTER ROLE … SET`). */
const REFUSED = ["options", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];

/** Checks scheme, user, host and database of a Postgres URL. */
function basicProblems(url: URL): string[] {
  const problems: string[] = [];
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    problems.push(`has the scheme ${url.protocol.slice(0, -1)}; allowed: postgres or postgresql`);
  }
  if (url.username === "") problems.push("names no user; write postgres://user:password@host:port/database");
  if (url.hostname === "") problems.push("names no host; write postgres://user:password@host:port/database");
  if (url.pathname.length <= 1)
    problems.push("names no database; write postgres://user:password@host:port/database");
  try {
    decodeURIComponent(`${url.username}${url.password}${url.pathname}`);
  } catch {
    problems.push("holds a % that starts no escape; write %25 for a percent sign");
  }
  return problems;
}

/** Reads a direct URL (Postgres or PgBouncer's console): everything but its form is left to pg. */
export function readPlainUrl(text: string): UrlResult<string> {
  const url = URL.parse(text);
  if (url === null)
    return { ok: false, problems: ["is no URL; write postgres://user:password@host:port/database"] };
  const problems = basicProblems(url);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: text };
}

/**
 * Reads the URL that leads through PgBouncer: takes out what the application applies, refuses what PgBouncer refuses
 * and parameters nobody knows, so that a misspelling is never ignored in silence.
 */
export function readPooledUrl(text: string): UrlResult<PooledUrl> {
  const url = URL.parse(text);
  if (url === null)
    return { ok: false, problems: ["is no URL; write postgres://user:password@host:port/database"] };
  const problems = basicProblems(url);
  // A password with an unescaped ? or @ moves into other parts of the URL: name no parameter of such a one.
  if (problems.length > 0) return { ok: false, problems };
  const dropped: string[] = [];
  const known = [...PASSED_ON, ...APPLIED, ...Object.keys(WITHOUT_EFFECT)];
  for (const parameter of new Set(url.searchParams.keys())) {
    const withoutEffect = WITHOUT_EFFECT[parameter];
    if (!/^[a-z_]{1,40}$/i.test(parameter)) {
      problems.push(
        "has a parameter whose name is no plain word; write ? and @ of a password as %3F and %40",
      );
    } else if (url.searchParams.getAll(parameter).length > 1) {
      problems.push(`has the parameter ${parameter} twice; keep one`);
    } else if (REFUSED.includes(parameter)) {
      problems.push(
        `has the parameter ${parameter}, which PgBouncer refuses; set it on the role (ALTER ROLE … SET)`,
      );
    } else if (withoutEffect !== undefined) {
      dropped.push(`${parameter} has no effect (${withoutEffect})`);
    } else if (!known.includes(parameter)) {
      const near = nearestName(parameter, known);
      problems.push(
        `has the unknown parameter ${parameter}${near === undefined ? "" : `; did you mean ${near}?`}`,
      );
    }
  }
  const schema = url.searchParams.get("schema") ?? DEFAULT_SCHEMA;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    problems.push("has a schema parameter that is no plain lower-case name");
  }
  if (problems.length > 0) return { ok: false, problems };
  const connectionLimit = url.searchParams.get("connection_limit") ?? undefined;
  const poolTimeout = url.searchParams.get("pool_timeout") ?? undefined;
  for (const parameter of [...APPLIED, ...Object.keys(WITHOUT_EFFECT)]) url.searchParams.delete(parameter);
  return {
    ok: true,
    value: { connectionString: url.toString(), schema, connectionLimit, poolTimeout, dropped },
  };
}
