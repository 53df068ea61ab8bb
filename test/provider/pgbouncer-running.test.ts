import { describe, expect, it } from "vitest";
import type { PgBouncerIni } from "../../pgbouncer/render.ts";
import {
  type Mismatch,
  mismatches,
  mismatchText,
  type RunningPgBouncer,
} from "../../provider/resources/pgbouncer-running.ts";

const ini: PgBouncerIni = {
  settings: { max_client_conn: "200", query_timeout: "1000000", unix_socket_mode: "0770" },
  databases: { poolkit: { pool_size: "10", host: "postgres" }, "*": { pool_size: "3" } },
  users: { poolkit_app: { max_user_connections: "20" } },
  peers: { 2: { host: "there" } },
};
const running: RunningPgBouncer = {
  config: [
    { key: "max_client_conn", value: "200", default: "100" },
    { key: "query_timeout", value: "1e+06", default: "0" },
    { key: "unix_socket_mode", value: "504", default: "0777" },
    { key: "server_lifetime", value: "3600", default: "3600" },
    { key: "max_db_connections", value: "0", default: "" },
    { key: "conffile", value: "/etc/pgbouncer.ini", default: "" },
    { key: "of_a_later_version", value: "1", default: "0" },
  ],
  databases: [{ name: "poolkit", pool_size: 10, host: "postgres" }],
  users: [{ name: "poolkit_app", max_user_connections: 20 }],
  peers: [{ peer_id: 2, host: "there" }],
};
const withSetting = (key: string, value: string, byDefault: string): RunningPgBouncer => ({
  ...running,
  config: [...running.config.filter((row) => row.key !== key), { key, value, default: byDefault }],
});
const lines = (found: readonly Mismatch[]) =>
  found.map((mismatch) => `${mismatchText(mismatch)} (${mismatch.change})`);

describe("mismatches", () => {
  it("are none where PgBouncer shows in its own way what the file says", () => {
    expect(mismatches(ini, running)).toEqual([]);
  });

  it.each<[string, RunningPgBouncer, string]>([
    [
      "another value",
      withSetting("max_client_conn", "100", "100"),
      "max_client_conn: wanted 200, running 100 (reload)",
    ],
    [
      "a value that only a restart takes",
      withSetting("unix_socket_mode", "511", "0777"),
      "unix_socket_mode: wanted 0770, running 511 (restart)",
    ],
    [
      "what the file leaves at its default",
      withSetting("server_lifetime", "60", "3600"),
      "server_lifetime: wanted PgBouncer's default, running 60 (reload)",
    ],
    [
      "a number whose default is shown as nothing",
      withSetting("max_db_connections", "9", ""),
      "max_db_connections: wanted PgBouncer's default, running 9 (reload)",
    ],
    [
      "a setting that is not known",
      { ...running, config: running.config.filter(({ key }) => key !== "query_timeout") },
      "query_timeout: wanted 1000000, running nothing of that name (reload)",
    ],
    [
      "a database's key",
      { ...running, databases: [{ name: "poolkit", pool_size: 9, host: "postgres" }] },
      "databases.poolkit.pool_size: wanted 10, running 9 (reload)",
    ],
    [
      "a role that is not there",
      { ...running, users: [] },
      "users.poolkit_app.max_user_connections: wanted 20, running nothing of that name (reload)",
    ],
    [
      "a peer's key",
      { ...running, peers: [{ peer_id: 2, host: null }] },
      "peers.2.host: wanted there, running  (reload)",
    ],
  ])("tell %s", (_what, seen, line) => {
    expect(lines(mismatches(ini, seen))).toEqual([line]);
  });
});
