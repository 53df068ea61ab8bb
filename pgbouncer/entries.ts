import type { ValueKind } from "./values.ts";

/** One key of an entry in `[databases]`, `[users]` or `[peers]`. All of them act on RELOAD. */
export interface EntryKey {
  readonly kind: ValueKind;
  /** What holds when the entry does not say it, in words. */
  readonly default: string;
  /** What it does, in one line. */
  readonly about: string;
  /** Release that brought it for this section; left out when older than 1.23. */
  readonly since?: string;
  /** Column of SHOW DATABASES, SHOW USERS or SHOW PEERS that shows the value, when there is one. */
  readonly column?: string;
}

const text: ValueKind = { type: "text" };
const connections: ValueKind = { type: "integer", min: 0, max: 1_000_000, unit: "connections" };
const seconds: ValueKind = { type: "seconds", max: 31_536_000 };
const poolMode: ValueKind = { type: "choice", values: ["session", "transaction", "statement"] };
const port: ValueKind = { type: "integer", min: 1, max: 65_535, unit: "" };

type More = Pick<EntryKey, "since" | "column">;
const key = (kind: ValueKind, defaultText: string, about: string, more: More = {}): EntryKey => ({
  kind,
  default: defaultText,
  about,
  ...more,
});

/**
 * Keys of a database entry. `password` is left out on purpose: it would stand in plain text in the file and in the
 * state; verifiers belong into the userlist.
 */
export const databaseKeys: Readonly<Record<string, EntryKey>> = {
  application_name: key(text, "the client's", "application_name of the server connections"),
  auth_dbname: key(text, "the global setting", "database in which auth_query runs"),
  auth_query: key(text, "the global setting", "query for a user's verifier"),
  auth_user: key(text, "the global setting", "user that runs auth_query"),
  client_encoding: key(text, "the client's", "client_encoding of the server connections"),
  connect_query: key(text, "none", "query after each connect to the server"),
  datestyle: key(text, "the client's", "DateStyle of the server connections"),
  dbname: key(text, "the entry's name", "name of the database in Postgres", { column: "database" }),
  host: key(text, "the unix socket", "host of the server", { column: "host" }),
  load_balance_hosts: key(
    { type: "choice", values: ["disable", "round-robin"] },
    "round-robin",
    "how several hosts are used",
    // Its column in SHOW DATABASES is empty for a single host.
    { since: "1.24" },
  ),
  max_db_client_connections: key(connections, "the global setting", "client connections of this database", {
    since: "1.24",
    column: "max_client_connections",
  }),
  max_db_connections: key(
    connections,
    "the global setting",
    "server connections of this database, all users",
    {
      column: "max_connections",
    },
  ),
  min_pool_size: key(connections, "the global setting", "server connections kept open", {
    column: "min_pool_size",
  }),
  pool_mode: key(poolMode, "the global setting", "when a server is given back", { column: "pool_mode" }),
  pool_size: key(connections, "default_pool_size", "server connections per user of this database", {
    column: "pool_size",
  }),
  port: key(port, "5432", "port of the server", { column: "port" }),
  query_wait_timeout: key(seconds, "the global setting", "disconnects clients queued for longer", {
    since: "1.26",
  }),
  reserve_pool_size: key(connections, "the global setting", "extra server connections when clients wait", {
    column: "reserve_pool_size",
  }),
  server_lifetime: key(seconds, "the global setting", "closes servers of that age when they are released", {
    since: "1.23",
    column: "server_lifetime",
  }),
  timezone: key(text, "the client's", "TimeZone of the server connections"),
  user: key(text, "the client's", "role of the server connections", { column: "force_user" }),
};

/** Keys of a user entry. Where a database says it too, the user's counts. */
export const userKeys: Readonly<Record<string, EntryKey>> = {
  client_idle_timeout: key(seconds, "the global setting", "closes this user's idle clients", {
    since: "1.24",
  }),
  idle_transaction_timeout: key(seconds, "the global setting", "disconnects clients idle in a transaction"),
  max_user_client_connections: key(connections, "the global setting", "client connections of this user", {
    since: "1.24",
    column: "max_user_client_connections",
  }),
  max_user_connections: key(connections, "the global setting", "server connections of this user", {
    column: "max_user_connections",
  }),
  pool_mode: key(poolMode, "the database's", "when a server is given back", { column: "pool_mode" }),
  pool_size: key(connections, "the database's", "server connections of this user per database", {
    since: "1.23",
    column: "pool_size",
  }),
  query_timeout: key(seconds, "the global setting", "cancels longer queries", { since: "1.24" }),
  query_wait_timeout: key(seconds, "the database's", "disconnects clients queued for longer", {
    since: "1.26",
  }),
  reserve_pool_size: key(connections, "the database's", "extra server connections when clients wait", {
    since: "1.24",
    column: "reserve_pool_size",
  }),
  transaction_timeout: key(seconds, "the global setting", "disconnects clients in longer transactions", {
    since: "1.25",
  }),
};

/** Keys of an entry in `[peers]`: where a cancel request of another PgBouncer's client is passed on to. */
export const peerKeys: Readonly<Record<string, EntryKey>> = {
  host: key(text, "none", "host or socket folder of the peer", { column: "host" }),
  pool_size: key(connections, "default_pool_size", "connections for cancel requests to the peer", {
    column: "pool_size",
  }),
  port: key(port, "6432", "port of the peer", { column: "port" }),
};
