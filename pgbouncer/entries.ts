import type { ValueKind } from "./values.ts";

/** One key of an entry in `[databases]`, `[users]` or `[peers]`. All of them act on RELOAD, but for `startupKeys`. */
export interface EntryKey {
  readonly kind: ValueKind;
  /** What holds when the entry does not say it, in words. */
  readonly default: string;
  /** What it does, in one line. */
  readonly about: string;
  /** Release that brought it for this section; empty where PgBouncer's changelog names none (1.0 or unannounced). */
  readonly since: string;
  /** Column of SHOW DATABASES, SHOW USERS or SHOW PEERS that shows the value; undefined: none does. */
  readonly column: string | undefined;
}

const text: ValueKind = { type: "text" };
const connections: ValueKind = { type: "integer", min: 0, max: 1_000_000, unit: "connections" };
/** Limits for which PgBouncer takes 0 as "the global one": whoever writes it means "no limit", and would not get it. */
const limit: ValueKind = { type: "integer", min: 1, max: 1_000_000, unit: "connections" };
/** Whole ones: of 1.9 in an entry PgBouncer (1.26.1, tried) takes 1, unlike in its settings. */
const wholeSeconds = (min: number): ValueKind => ({ type: "integer", min, max: 31_536_000, unit: "seconds" });
const seconds = wholeSeconds(0);
/** 0 is "the global one" for times, too. */
const timeLimit = wholeSeconds(1);
/** True for a key of an entry in which PgBouncer takes 0 as "the global one". */
export const isGlobalAtZero = ({ kind }: EntryKey) => kind === limit || kind === timeLimit;

const poolMode: ValueKind = { type: "choice", values: ["session", "transaction", "statement"] };
const port: ValueKind = { type: "integer", min: 1, max: 65_535, unit: "" };

const key = (kind: ValueKind, fallback: string, about: string, since: string, column?: string): EntryKey => ({
  kind,
  default: fallback,
  about,
  since,
  column,
});
const balancing: ValueKind = { type: "choice", values: ["disable", "round-robin"] };

const globally = "the global setting";
const clients = "the client's";
const queued = "disconnects clients queued for longer";
const released = "when a server is given back";
const allUsers = "server connections of this database, all users";
const perUser = "server connections per user of this database";
const perDatabase = "server connections of this user per database";
const toPeer = "connections for cancel requests to the peer";
const aged = "closes servers of that age when they are released";
const reserve = "extra server connections when clients wait";

/**
 * Keys of a database entry. `password` is left out on purpose: it would stand in plain text in the file and in the
 * state; verifiers belong into the userlist.
 */
export const databaseKeys: Readonly<Record<string, EntryKey>> = {
  application_name: key(text, clients, "application_name of the server connections", ""),
  auth_dbname: key(text, globally, "database in which auth_query runs", "1.19"),
  auth_query: key(text, globally, "query for a user's verifier", "1.22"),
  auth_user: key(text, globally, "user that runs auth_query", "1.6"),
  client_encoding: key(text, clients, "client_encoding of the server connections", ""),
  connect_query: key(text, "none", "query after each connect to the server", "1.2"),
  datestyle: key(text, clients, "DateStyle of the server connections", ""),
  dbname: key(text, "the entry's name", "name of the database in Postgres", "", "database"),
  host: key(text, "the unix socket", "host of the server", "", "host"),
  // Its column in SHOW DATABASES is empty for a single host.
  load_balance_hosts: key(balancing, "round-robin", "how several hosts are used", "1.24"),
  max_db_client_connections: key(
    limit,
    globally,
    "client connections of this database",
    "1.24",
    "max_client_connections",
  ),
  max_db_connections: key(limit, globally, allUsers, "1.6", "max_connections"),
  min_pool_size: key(connections, globally, "server connections kept open", "1.16", "min_pool_size"),
  pool_mode: key(poolMode, globally, released, "1.6", "pool_mode"),
  pool_size: key(connections, "default_pool_size", perUser, "", "pool_size"),
  port: key(port, "5432", "port of the server", "", "port"),
  query_wait_timeout: key(seconds, globally, queued, "1.26"),
  // Since 1.3 under the name reserve_pool.
  reserve_pool_size: key(connections, globally, reserve, "1.24", "reserve_pool_size"),
  server_lifetime: key(timeLimit, globally, aged, "1.23", "server_lifetime"),
  timezone: key(text, clients, "TimeZone of the server connections", "1.1"),
  user: key(text, clients, "role of the server connections", "", "force_user"),
};

/**
 * Keys of a database entry that the server is told when a connection to it begins. Unlike after a change of the others
 * PgBouncer keeps connections that were begun with former values (1.26.1, tried): RECONNECT renews them.
 */
export const startupKeys: readonly string[] = [
  "application_name",
  "client_encoding",
  "datestyle",
  "timezone",
];

/** Keys of a user entry. Where a database says it too, the user's counts. */
export const userKeys: Readonly<Record<string, EntryKey>> = {
  client_idle_timeout: key(timeLimit, globally, "closes this user's idle clients", "1.24"),
  idle_transaction_timeout: key(timeLimit, globally, "disconnects clients idle in a transaction", ""),
  max_user_client_connections: key(
    limit,
    globally,
    "client connections of this user",
    "1.24",
    "max_user_client_connections",
  ),
  max_user_connections: key(
    limit,
    globally,
    "server connections of this user",
    "1.6",
    "max_user_connections",
  ),
  pool_mode: key(poolMode, "the database's", released, "1.6", "pool_mode"),
  pool_size: key(connections, "the database's", perDatabase, "1.23", "pool_size"),
  query_timeout: key(timeLimit, globally, "cancels longer queries", "1.24"),
  query_wait_timeout: key(seconds, "the database's", queued, "1.26"),
  reserve_pool_size: key(connections, "the database's", reserve, "1.24", "reserve_pool_size"),
  transaction_timeout: key(timeLimit, globally, "disconnects clients in longer transactions", "1.25"),
};

/** Keys of an entry in `[peers]`: where a cancel request of another PgBouncer's client is passed on to. */
export const peerKeys: Readonly<Record<string, EntryKey>> = {
  host: key(text, "none", "host or socket folder of the peer", "1.19", "host"),
  pool_size: key(connections, "default_pool_size", toPeer, "1.19", "pool_size"),
  port: key(port, "6432", "port of the peer", "1.19", "port"),
};
