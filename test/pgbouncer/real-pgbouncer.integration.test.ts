import type Docker from "dockerode";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { databaseKeys, peerKeys, userKeys } from "../../pgbouncer/entries.ts";
import { forcedSettings } from "../../pgbouncer/layers.ts";
import { mergePgBouncerSettings } from "../../pgbouncer/merge.ts";
import { iniProblems, type PgBouncerIni, renderIni, renderUserlist } from "../../pgbouncer/render.ts";
import { pgbouncerSettings } from "../../pgbouncer/settings.ts";
import { sameValue } from "../../pgbouncer/values.ts";
import { mismatches } from "../../provider/resources/pgbouncer-running.ts";
import { projectImage } from "../provider/support/images.ts";
import { makePlace, type Place } from "../provider/support/place.ts";
import { scramVerifier } from "../provider/support/scram.ts";
import { engineAvailable } from "../support/postgres18.ts";

type Row = Record<string, string | null>;
const password = "console-password";

/** Characters that mean something to PgBouncer's parsers, look like them, or end lines elsewhere. */
const nasty = [
  ..."='\";%#[]\\ $,-*&?{}()",
  "é",
  "“",
  "＝",
  "；",
  "％",
  "\u2028",
  "😀",
  "\u0430", // Cyrillic, looks like an a
  "''",
  '""',
  "%include ",
  "x",
];
/** What ends a line, a value or the whole text somewhere. */
const breaking = ["\n", "\r", "\r\n", "\0", "\t", "\u0085", "\nadmin_users = eve", "\n[users]\neve ="];
const textOf = (parts: readonly string[], maxLength: number) =>
  fc
    .array(fc.constantFrom(...parts, "a", "Z", "0", "_"), { minLength: 1, maxLength })
    .map((all) => all.join(""));
/** Most of them can be written; the others must be refused. */
const text = fc.oneof(
  { weight: 8, arbitrary: textOf(nasty, 12) },
  { weight: 1, arbitrary: textOf([...nasty, ...breaking], 6) },
);
const name = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[A-Za-z0-9_.-]{1,63}$/) },
  { weight: 3, arbitrary: textOf([...nasty, ...breaking], 6) },
);
const isPlainName = (value: string) => /^[A-Za-z0-9_.-]{1,63}$/.test(value) && value !== "pgbouncer";
const isPlainText = (value: string) => !/\p{Cc}/u.test(value) && value === value.trim();

describe.skipIf(!(await engineAvailable()))("a real PgBouncer 1.26", () => {
  let place: Place;
  let container: Docker.Container;
  let console: pg.Client;
  const base = { ...mergePgBouncerSettings({ preset: {}, user: {} }).settings };

  beforeAll(async () => {
    place = await makePlace();
    await write({ settings: base, databases: {}, users: {}, peers: {} });
    const roles = [forcedSettings.admin_users, forcedSettings.stats_users];
    await place.edit(
      "userlist.txt",
      renderUserlist(Object.fromEntries(roles.map((role) => [role, scramVerifier(password)]))),
    );
    container = await place.start(await projectImage("pgbouncer/image"), 6432);
    console = await vi.waitFor(login, { timeout: 20_000, interval: 100 });
  });
  afterAll(async () => {
    await console?.end();
    await place?.remove();
  });

  async function login(): Promise<pg.Client> {
    const where = { host: "127.0.0.1", port: place.hostPort, database: "pgbouncer" };
    const client = new pg.Client({ ...where, user: "poolkit_admin", password });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  async function write(ini: PgBouncerIni): Promise<void> {
    await place.edit("pgbouncer.ini", renderIni(ini));
  }

  async function rows(command: string): Promise<Row[]> {
    return (await console.query(command)).rows;
  }

  it("is a version that the table describes", async () => {
    expect((await rows("SHOW VERSION"))[0]?.version).toMatch(/^PgBouncer 1\.26\./);
  });

  it("has exactly the settings of the table, with the same defaults, and changes the same ones live", async () => {
    const shown = Object.fromEntries(
      (await rows("SHOW CONFIG")).map((row) => [
        row.key,
        { default: row.default ?? "", live: row.changeable === "yes" },
      ]),
    );
    const table = Object.entries(pgbouncerSettings).map(([key, setting]) => [
      key,
      { default: setting.default, live: setting.change !== "restart" },
    ]);
    expect(Object.fromEntries(table)).toEqual(shown);
  });

  it("runs what was rendered, setting by setting", async () => {
    const user = { default_pool_size: 7, query_wait_timeout: "2.5", server_lifetime: 1_000_000, verbose: 0 };
    const { settings } = mergePgBouncerSettings({ preset: {}, user });
    await write({ settings, databases: {}, users: {}, peers: {} });
    await rows("RELOAD");
    const running = new Map((await rows("SHOW CONFIG")).map((row) => [row.key, row.value ?? ""]));
    for (const [key, value] of Object.entries(settings)) {
      const setting = pgbouncerSettings[key];
      expect(setting && sameValue(setting.kind, value, running.get(key) ?? ""), `${key} = ${value}`).toBe(
        true,
      );
    }
  });

  it("has every entry key of the tables, and shows what was rendered where it has a column for it", async () => {
    const database = {
      application_name: "jobs",
      auth_dbname: "poolkit",
      auth_query: "SELECT 1",
      auth_user: "poolkit_app",
      client_encoding: "UTF8",
      connect_query: "SELECT 1",
      datestyle: "ISO",
      dbname: "poolkit",
      host: "127.0.0.1",
      load_balance_hosts: "disable",
      max_db_client_connections: "61",
      max_db_connections: "17",
      min_pool_size: "2",
      pool_mode: "session",
      pool_size: "11",
      port: "5433",
      query_wait_timeout: "7",
      reserve_pool_size: "3",
      server_lifetime: "90",
      timezone: "UTC",
      user: "poolkit_app",
    };
    const user = {
      client_idle_timeout: "61",
      idle_transaction_timeout: "62",
      max_user_client_connections: "63",
      max_user_connections: "13",
      pool_mode: "statement",
      pool_size: "9",
      query_timeout: "64",
      query_wait_timeout: "6",
      reserve_pool_size: "4",
      transaction_timeout: "65",
    };
    const peer = { host: "127.0.0.2", port: "6433", pool_size: "5" };
    expect(Object.keys(database).sort()).toEqual(Object.keys(databaseKeys).sort());
    expect(Object.keys(user).sort()).toEqual(Object.keys(userKeys).sort());
    expect(Object.keys(peer).sort()).toEqual(Object.keys(peerKeys).sort());
    const ini: PgBouncerIni = {
      settings: { ...base, peer_id: "1" },
      databases: { jobs: database },
      users: { poolkit_monitor: user },
      peers: { 2: peer },
    };
    await write(ini);
    // A key that PgBouncer does not know makes the reload an error.
    await rows("RELOAD");
    const running = {
      config: await rows("SHOW CONFIG"),
      databases: await rows("SHOW DATABASES"),
      users: await rows("SHOW USERS"),
      peers: await rows("SHOW PEERS"),
    };
    expect(mismatches(ini, running)).toEqual([]);
    const wrong: PgBouncerIni = {
      ...ini,
      databases: { jobs: { ...database, pool_size: "12" } },
      users: { poolkit_monitor: { ...user, max_user_connections: "14" } },
      peers: { 2: { ...peer, pool_size: "6" } },
    };
    expect(
      mismatches(wrong, running).map(({ section, key, running: value }) => [section, key, value]),
    ).toEqual([
      ["databases", "pool_size", "11"],
      ["users", "max_user_connections", "13"],
      ["peers", "pool_size", "5"],
    ]);
    await write({ settings: base, databases: {}, users: {}, peers: {} });
    await rows("RELOAD");
  });

  it("reads fuzzed names and values as they were written, and nothing else; the rest is refused", async () => {
    const drawn = fc.sample(fc.record({ name, dbname: text, query: text, user: name }), {
      numRuns: 4500,
      seed: 20261123,
    });
    const messages = fc.sample(text, { numRuns: 200, seed: 20261123 });
    const sections = ({ name, dbname, query, user }: (typeof drawn)[number]) => ({
      databases: { [name]: { dbname, host: "db", connect_query: query } },
      users: { [user]: { max_user_connections: "3" } },
    });
    const isRefused = (part: Partial<PgBouncerIni>) =>
      iniProblems({ settings: {}, databases: {}, users: {}, peers: {}, ...part }).length > 0;
    for (const one of drawn) {
      const { databases, users } = sections(one);
      const isPlain = isPlainName(one.name) && isPlainText(one.dbname) && isPlainText(one.query);
      expect(isRefused({ databases }), JSON.stringify(one)).toBe(!isPlain);
      expect(isRefused({ users }), JSON.stringify(one)).toBe(!/^[A-Za-z0-9_.-]{1,63}$/.test(one.user));
    }
    for (const message of messages) {
      const settings = { login_notify_message: message };
      expect(isRefused({ settings }), JSON.stringify(message)).toBe(!isPlainText(message));
    }

    const written = drawn.filter((one) => !isRefused(sections(one)));
    const shownMessages = messages.filter(isPlainText);
    expect(drawn.length - written.length).toBeGreaterThan(500);
    expect(written.length).toBeGreaterThan(900); // each with two names and two values
    await write({ settings: base, databases: {}, users: {}, peers: {} });
    await rows("RELOAD");
    const config = await rows("SHOW CONFIG");
    // PgBouncer keeps a role that it has once known.
    const users = new Set((await rows("SHOW USERS")).map((row) => row.name));
    for (let start = 0; start < written.length; start += 50) {
      const batch = written.slice(start, start + 50);
      const message = shownMessages[start / 50] ?? "";
      const ini = {
        databases: Object.assign({}, ...batch.map((one) => sections(one).databases)),
        users: Object.assign({}, ...batch.map((one) => sections(one).users)),
        peers: {},
      };
      await write({ settings: { ...base, login_notify_message: message }, ...ini });
      await rows("RELOAD");
      const shown = (await rows("SHOW DATABASES")).map((row) => [row.name, row.database]);
      const wanted = Object.fromEntries(batch.map((one) => [one.name, one.dbname]));
      expect(Object.fromEntries(shown)).toEqual({ ...wanted, pgbouncer: "pgbouncer" });
      expect(shown).toHaveLength(Object.keys(wanted).length + 1);
      for (const one of batch) users.add(one.user);
      const roles = (await rows("SHOW USERS")).map((row) => row.name);
      expect(roles.toSorted()).toEqual([...users].toSorted());
      expect(await rows("SHOW CONFIG")).toEqual(
        config.map((row) => (row.key === "login_notify_message" ? { ...row, value: message } : row)),
      );
    }
    expect((await container.inspect()).State.Running).toBe(true);
  });
});
