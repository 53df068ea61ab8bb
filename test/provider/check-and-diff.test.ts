import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resources } from "../../provider/registry.ts";
import {
  type Properties,
  revealed,
  secret,
  startPlugin,
  type TestPlugin,
  unknown,
  visible,
} from "./support/plugin.ts";
import { scramVerifier } from "./support/scram.ts";

const verifier = scramVerifier("canary-password");
const place = { volumeName: "v", containerName: "c", image: "sha256:abc", uid: 65532, gid: 65532 };
const connection = {
  host: "127.0.0.1",
  port: 5433,
  database: "d",
  user: "postgres",
  password: secret("canary"),
};
const valid: Record<string, Properties> = {
  PgBouncerConfig: {
    ...place,
    settings: { default_pool_size: "20" },
    databases: { poolkit: { host: "postgres" } },
    userlist: secret({ poolkit_admin: verifier }),
    console: { host: "127.0.0.1", port: 6432, user: "poolkit_admin", password: secret("canary") },
  },
  PgBouncerClientLimits: {
    ...place,
    console: { host: "127.0.0.1", port: 6432, user: "poolkit_admin", password: secret("canary") },
    heldAt: "2026-11-23T00:00:00.000Z",
    room: 20,
    patienceSeconds: 40,
  },
  PostgresConfig: {
    ...place,
    settings: { work_mem: "4MB" },
    hba: ["host all all all scram-sha-256"],
    superuserVerifier: secret(verifier),
    connection,
  },
  AppConfig: { ...place, settings: { A: "1" }, files: secret({ "database-url": "canary" }) },
  PrometheusConfig: {
    ...place,
    files: secret({ "prometheus.yml": "global: {}", "metrics-token": "canary" }),
    url: "http://127.0.0.1:9090",
  },
  PostgresGate: { connection, containerName: "c", triggers: { server: "0123" }, timeoutSeconds: 90 },
  ChangeCount: { triggers: { settings: "[30000]" } },
  RoleSettings: { connection, role: "r", database: "d", settings: { statement_timeout: "15s" } },
  Migrations: {
    connection,
    readConnection: connection,
    schema: "app",
    directory: "prisma/migrations",
    migrations: { "1_init": "abc" },
  },
  HealthGate: {
    url: "http://127.0.0.1:3000/x",
    token: secret("canary"),
    triggers: { a: "1" },
    timeoutSeconds: 60,
  },
};

let plugin: TestPlugin;
beforeAll(async () => {
  plugin = await startPlugin();
});
afterAll(() => plugin?.stop());

it("knows valid inputs of every type that the plugin has", () => {
  expect(Object.keys(valid).sort()).toEqual([...resources.keys()].sort());
});

describe("Check", () => {
  it.each(Object.entries(valid))(
    "%s takes valid inputs and keeps every secret marked",
    async (type, inputs) => {
      const { inputs: checked, failures } = await plugin.check(type, inputs);
      expect(failures).toEqual({});
      expect(revealed(checked)).toEqual(revealed(inputs));
      expect(JSON.stringify(visible(checked))).not.toMatch(/canary|SCRAM-SHA-256/);
    },
  );

  it.each(Object.entries(valid))("%s marks as secret what the caller sent in plain", async (type, inputs) => {
    const { inputs: checked } = await plugin.check(type, revealed(inputs) as Properties);
    expect(JSON.stringify(visible(checked))).not.toMatch(/canary|SCRAM-SHA-256/);
  });

  it.each(Object.entries(valid))(
    "%s accepts values that only the real run will know",
    async (type, inputs) => {
      const later = Object.fromEntries(Object.keys(inputs).map((key) => [key, unknown]));
      expect((await plugin.check(type, later)).failures).toEqual({});
    },
  );

  it.each(Object.entries(valid))(
    "%s names everything that is missing, and what is unknown",
    async (type, inputs) => {
      const { failures } = await plugin.check(type, { volumename: "x" });
      const optional = ["timeoutSeconds", "readConnection"];
      const missing = Object.keys(inputs).filter((key) => !optional.includes(key));
      expect(failures).toMatchObject(Object.fromEntries(missing.map((key) => [key, "missing"])));
      expect(failures.volumename).toMatch(/^unknown property; (did you mean volumeName|known: )/);
    },
  );

  it.each<[string, string, Properties, Record<string, string>]>([
    [
      "a port",
      "PgBouncerConfig",
      { console: { host: "h", port: 0, user: "u", password: "p" } },
      { "console.port": "from 1 to 65535" },
    ],
    [
      "an unknown setting",
      "PgBouncerConfig",
      { settings: { pool_mod: "x" } },
      { "settings.pool_mod": "write settings.pool_mode" },
    ],
    [
      "a value",
      "PgBouncerConfig",
      { settings: { pool_mode: "x" } },
      { "settings.pool_mode": "session, transaction, statement" },
    ],
    [
      "an injection",
      "PgBouncerConfig",
      { settings: { stats_users: "a\n[users]" } },
      { "settings.stats_users": "one line" },
    ],
    [
      "a database's key",
      "PgBouncerConfig",
      { databases: { d: { pool_sise: "1" } } },
      { "databases.d.pool_sise": "databases.d.pool_size" },
    ],
    [
      "entries for every name",
      "PgBouncerConfig",
      { databases: { "*": { pool_size: "1" } }, users: { "*": { pool_size: "1" } } },
      { 'databases["*"]': "keeps it until it restarts", 'users["*"]': "the role of that name" },
    ],
    [
      "a console that cannot be read",
      "PgBouncerConfig",
      { settings: { disable_pqexec: "1" } },
      { "settings.disable_pqexec": "read back" },
    ],
    [
      "a verifier",
      "PgBouncerConfig",
      { userlist: { poolkit_admin: "canary-plain" } },
      { "userlist.poolkit_admin": "a SCRAM-SHA-256 verifier" },
    ],
    [
      "an admin without a verifier",
      "PgBouncerConfig",
      { userlist: { app: verifier } },
      { userlist: "no verifier for poolkit_admin" },
    ],
    [
      "a setting's name",
      "PostgresConfig",
      { settings: { "a b": "1" } },
      { 'settings["a b"]': "not a name of a setting" },
    ],
    [
      "an include",
      "PostgresConfig",
      { settings: { include: "/x" } },
      { "settings.include": "files are not included" },
    ],
    [
      "a newline",
      "PostgresConfig",
      { settings: { work_mem: "4MB'\nfsync = off" } },
      { "settings.work_mem": "one line" },
    ],
    ["an access rule", "PostgresConfig", { hba: ["nonsense"] }, { "hba[0]": "starts with local, host" }],
    [
      "a superuser's password",
      "PostgresConfig",
      { superuserVerifier: "canary" },
      { superuserVerifier: "SCRAM-SHA-256" },
    ],
    [
      "a path in a file name",
      "AppConfig",
      { files: { "../x": "1" } },
      { 'files["../x"]': "expected a file name" },
    ],
    [
      "two settings files",
      "AppConfig",
      { files: { "settings.json": "{}" } },
      { 'files["settings.json"]': "put the keys there" },
    ],
    ["a number as text", "AppConfig", { uid: "65532" }, { uid: "expected a whole number" }],
    [
      "a role's setting",
      "RoleSettings",
      { settings: { "x; DROP": "1" } },
      { 'settings["x; DROP"]': "not a name of a setting" },
    ],
    ["a URL", "HealthGate", { url: "file:///etc/passwd" }, { url: "expected an http or https URL" }],
    ["patience", "HealthGate", { timeoutSeconds: 0 }, { timeoutSeconds: "from 1 to 3600, found 0" }],
    ["a list", "HealthGate", { triggers: ["a"] }, { triggers: "expected an object, found a list" }],
  ])("refuses %s of %s at its path", async (_, type, wrong, expected) => {
    const { failures } = await plugin.check(type, { ...valid[type], ...wrong });
    expect(Object.keys(failures)).toEqual(Object.keys(expected));
    for (const [path, reason] of Object.entries(expected)) expect(failures[path]).toContain(reason);
    expect(JSON.stringify(failures)).not.toContain("canary");
  });

  it.each([
    ["HealthGate", 60],
    ["PostgresGate", 90],
  ])("fills in the patience of %s", async (type, timeoutSeconds) => {
    const { timeoutSeconds: _, ...inputs } = valid[type] ?? {};
    expect((await plugin.check(type, inputs)).inputs).toMatchObject({ timeoutSeconds });
  });

  it("refuses a type that the plugin does not have", async () => {
    await expect(plugin.check("PgBouncerConfg", {})).rejects.toThrow(
      "no resource type poolkit:index:PgBouncerConfg",
    );
  });
});

describe("Diff", () => {
  it.each<[string, string, Properties, Record<string, string>]>([
    ["nothing", "PgBouncerConfig", {}, {}],
    ["a longer grace for the next restart", "PgBouncerConfig", { restartGraceSeconds: 90 }, {}],
    [
      "one setting",
      "PgBouncerConfig",
      { settings: { default_pool_size: "30" } },
      { "settings.default_pool_size": "UPDATE" },
    ],
    [
      "a new setting",
      "PgBouncerConfig",
      { settings: { default_pool_size: "20", verbose: "1" } },
      { "settings.verbose": "ADD" },
    ],
    ["a removed setting", "PgBouncerConfig", { settings: {} }, { "settings.default_pool_size": "DELETE" }],
    ["another volume", "PgBouncerConfig", { volumeName: "w" }, { volumeName: "UPDATE_REPLACE" }],
    ["another container", "PostgresConfig", { containerName: "w" }, { containerName: "UPDATE_REPLACE" }],
    ["another helper image", "AppConfig", { image: "sha256:def" }, {}],
    [
      "another login",
      "RoleSettings",
      { connection: { ...connection, port: 1, password: secret("new") } },
      {},
    ],
    ["another role", "RoleSettings", { role: "s" }, { role: "UPDATE_REPLACE" }],
    [
      "a migration",
      "Migrations",
      { migrations: { "1_init": "abc", "2_b": "d" } },
      { 'migrations["2_b"]': "ADD" },
    ],
    [
      "another database, under another login",
      "Migrations",
      { connection: { ...connection, port: 1, database: "e", password: secret("new") } },
      { "connection.database": "UPDATE_REPLACE" },
    ],
    ["another login of a refresh", "Migrations", { readConnection: { ...connection, port: 1 } }, {}],
    ["another login", "Migrations", { connection: { ...connection, port: 1, password: secret("new") } }, {}],
    [
      "a secret",
      "AppConfig",
      { files: secret({ "database-url": "new" }) },
      { 'files["database-url"]': "UPDATE" },
    ],
    [
      "another container of Postgres",
      "PostgresGate",
      { triggers: { server: "4567" } },
      { "triggers.server": "UPDATE" },
    ],
    ["another login or patience", "PostgresGate", { containerName: "d", timeoutSeconds: 5 }, {}],
    ["a value known later", "HealthGate", { triggers: { a: unknown } }, { "triggers.a": "UPDATE" }],
    ["all values known later", "PgBouncerConfig", { settings: unknown }, { settings: "UPDATE" }],
  ])("shows %s of %s", async (_, type, change, expected) => {
    const inputs = valid[type] ?? {};
    const { state } = await plugin.create(type, inputs, true);
    expect(await plugin.diff(type, state, inputs, { ...inputs, ...change })).toEqual(expected);
  });

  it("shows files that differ although no key does", async () => {
    const inputs = valid.PgBouncerConfig ?? {};
    const { state } = await plugin.create("PgBouncerConfig", inputs, true);
    expect(await plugin.diff("PgBouncerConfig", { ...state, sha256: "other" }, inputs, inputs)).toEqual({
      sha256: "UPDATE",
    });
  });
});

describe("a preview", () => {
  it.each([
    ["PgBouncerConfig", "sha256"],
    ["PostgresConfig", "sha256"],
    ["AppConfig", "revision"],
  ])("of %s knows its %s without touching anything", async (type, output) => {
    const { state } = await plugin.create(type, valid[type] ?? {}, true);
    expect(state[output]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("leaves it out while an input is unknown", async () => {
    const { state } = await plugin.create("AppConfig", { ...valid.AppConfig, files: unknown }, true);
    expect(state).not.toHaveProperty("revision");
  });
});
