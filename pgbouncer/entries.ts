import type { ValueKind } from "./values.ts";

/** One key of an entry in `[databases]` or `[users]`. All of them act on RELOAD. */
export interface EntryKey {
  readonly kind: ValueKind;
  /** Column of SHOW DATABASES or SHOW USERS that shows the value, when there is one. */
  readonly column?: string;
}

const text: ValueKind = { type: "text" };
const connections: ValueKind = { type: "integer", min: 0, max: 1_000_000, unit: "connections" };
const seconds: ValueKind = { type: "seconds", max: 31_536_000 };
const poolMode: ValueKind = { type: "choice", values: ["session", "transaction", "statement"] };

/**
 * Keys of a database entry. `password` is left out on purpose: it would stand in plain text in the file and in the
 * state; verifiers belong into the userlist.
 */
export const databaseKeys: Readonly<Record<string, EntryKey>> = {
  application_name: { kind: text },
  auth_dbname: { kind: text },
  auth_query: { kind: text },
  auth_user: { kind: text },
  client_encoding: { kind: text },
  connect_query: { kind: text },
  datestyle: { kind: text },
  dbname: { kind: text, column: "database" },
  host: { kind: text, column: "host" },
  load_balance_hosts: {
    kind: { type: "choice", values: ["disable", "round-robin"] },
    column: "load_balance_hosts",
  },
  max_db_client_connections: { kind: connections, column: "max_client_connections" },
  max_db_connections: { kind: connections, column: "max_connections" },
  min_pool_size: { kind: connections, column: "min_pool_size" },
  pool_mode: { kind: poolMode, column: "pool_mode" },
  pool_size: { kind: connections, column: "pool_size" },
  port: { kind: { type: "integer", min: 1, max: 65_535, unit: "" }, column: "port" },
  query_wait_timeout: { kind: seconds },
  reserve_pool_size: { kind: connections, column: "reserve_pool_size" },
  server_lifetime: { kind: seconds, column: "server_lifetime" },
  timezone: { kind: text },
  user: { kind: text, column: "force_user" },
};

/** Keys of a user entry. */
export const userKeys: Readonly<Record<string, EntryKey>> = {
  client_idle_timeout: { kind: seconds },
  idle_transaction_timeout: { kind: seconds },
  max_user_client_connections: { kind: connections, column: "max_user_client_connections" },
  max_user_connections: { kind: connections, column: "max_user_connections" },
  pool_mode: { kind: poolMode, column: "pool_mode" },
  pool_size: { kind: connections, column: "pool_size" },
  query_timeout: { kind: seconds },
  query_wait_timeout: { kind: seconds },
  reserve_pool_size: { kind: connections, column: "reserve_pool_size" },
  transaction_timeout: { kind: seconds },
};

/** Keys of an entry in `[peers]`: where a cancel request of another PgBouncer's client is passed on to. */
export const peerKeys: Readonly<Record<string, EntryKey>> = {
  host: { kind: text, column: "host" },
  pool_size: { kind: connections, column: "pool_size" },
  port: { kind: { type: "integer", min: 1, max: 65_535, unit: "" }, column: "port" },
};
