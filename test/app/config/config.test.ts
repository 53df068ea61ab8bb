import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../../app/config/config.ts";
import { configFiles, readFileIfPresent, revisionOf } from "../../../app/config/config-sources.ts";
import type { Environment } from "../../../app/config/environment.ts";

const PASSWORD = "canary-password-7f3a";
const TOKEN = "canary-token-0123456789-0123456789-0123456789";
const URL_TEXT = `postgres://poolkit_app:${PASSWORD}@pgbouncer:6432/poolkit`;
const API_TOKEN = "canary-api-token-0123456789-0123456789-0123456789";
const METRICS_TOKEN = "canary-metrics-token-0123456789-0123456789012345";
const GOOD: Environment = { DATABASE_URL: URL_TEXT, HEALTH_TOKEN: TOKEN, API_TOKEN };

type Files = Record<string, string>;

function load(environment: Environment, files: Files = {}) {
  return loadConfig(environment, (file) => {
    const text = files[file];
    if (text === "unreadable") throw Object.assign(new Error("no"), { code: "EACCES" });
    return text === undefined ? undefined : Buffer.from(text);
  });
}

function config(environment: Environment, files: Files = {}): Config {
  const result = load(environment, files);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}

function problems(environment: Environment, files: Files = {}): readonly string[] {
  const result = load(environment, files);
  if (result.ok) throw new Error("the configuration was accepted");
  return result.problems;
}

/** A configuration folder as infra writes it. */
const inFolder = (settings: string, more: Files = {}): Files => ({
  "/run/poolkit/settings.json": settings,
  "/run/poolkit/database-url": `${URL_TEXT}?connection_limit=10&pool_timeout=30\n`,
  "/run/poolkit/monitor-url": `postgres://poolkit_monitor:${PASSWORD}@postgres:5432/poolkit`,
  "/run/poolkit/console-url": `postgres://poolkit_monitor:${PASSWORD}@pgbouncer:6432/pgbouncer`,
  "/run/poolkit/health-token": TOKEN,
  "/run/poolkit/api-token": API_TOKEN,
  "/run/poolkit/metrics-token": METRICS_TOKEN,
  ...more,
});
const FOLDER: Environment = { POOLKIT_CONFIG_DIR: "/run/poolkit" };

describe("good configurations", () => {
  it("needs a URL and two tokens only", () => {
    const { database, effective } = config(GOOD);
    expect(database).toEqual({
      connectionString: URL_TEXT,
      schema: "app",
      mode: "standard",
      connectionLimit: 10,
      acquireTimeoutSeconds: 30,
      idleTimeoutSeconds: 30,
      maxLifetimeSeconds: 1800,
      transactionMaxWaitSeconds: 5,
      transactionTimeoutSeconds: 15,
      leakThresholdSeconds: 30,
      retryBudgetSeconds: 5,
    });
    expect(effective.DATABASE_CONNECTION_LIMIT).toEqual({
      value: 10,
      unit: "connections",
      source: "default",
    });
  });

  it.each<[string, Environment, Files, Partial<Config["database"]>]>([
    ["environment", { ...GOOD, DATABASE_CONNECTION_LIMIT: "7" }, {}, { connectionLimit: 7 }],
    [
      "a leak threshold that follows from the transaction's limit",
      { ...GOOD, DATABASE_TRANSACTION_TIMEOUT: "8" },
      {},
      { leakThresholdSeconds: 16 },
    ],
    [
      "a leak threshold and a retry budget of its own",
      { ...GOOD, DATABASE_LEAK_THRESHOLD: "2.5", DATABASE_RETRY_BUDGET: "0" },
      {},
      { leakThresholdSeconds: 2.5, retryBudgetSeconds: 0 },
    ],
    [
      "decimal seconds",
      { ...GOOD, DATABASE_POOL_TIMEOUT: "2.5" },
      {},
      { acquireTimeoutSeconds: 2.5, idleTimeoutSeconds: 2.5 },
    ],
    [
      "split timeouts",
      { ...GOOD, DATABASE_POOL_TIMEOUT: "9", DATABASE_IDLE_TIMEOUT: "60" },
      {},
      { acquireTimeoutSeconds: 9, idleTimeoutSeconds: 60 },
    ],
    ["enhanced mode", { ...GOOD, USE_ENHANCED_POOLING: "true" }, {}, { mode: "enhanced" }],
    ["empty variable is not set", { ...GOOD, DATABASE_CONNECTION_LIMIT: "" }, {}, { connectionLimit: 10 }],
    [
      "URL parameters",
      { ...GOOD, DATABASE_URL: `${URL_TEXT}?connection_limit=3&pool_timeout=4` },
      {},
      { connectionString: URL_TEXT, connectionLimit: 3, acquireTimeoutSeconds: 4 },
    ],
    [
      "schema parameter",
      { ...GOOD, DATABASE_URL: `${URL_TEXT}?schema=other&sslmode=disable&application_name=shop` },
      {},
      { connectionString: `${URL_TEXT}?sslmode=disable`, schema: "other" },
    ],
    [
      "URL over settings file",
      FOLDER,
      inFolder('{"DATABASE_CONNECTION_LIMIT":"20","DATABASE_POOL_TIMEOUT":"40"}'),
      { connectionLimit: 10, acquireTimeoutSeconds: 30 },
    ],
    [
      "settings file over default",
      FOLDER,
      inFolder('{"DATABASE_CONNECTION_LIMIT":"20"}', { "/run/poolkit/database-url": URL_TEXT }),
      { connectionLimit: 20 },
    ],
    [
      "environment over settings file",
      { ...FOLDER, DATABASE_CONNECTION_LIMIT: "5" },
      inFolder('{"DATABASE_CONNECTION_LIMIT":"20"}'),
      { connectionLimit: 5 },
    ],
    [
      "secret from a named file",
      { ...GOOD, DATABASE_URL: undefined, DATABASE_URL_FILE: "/secret/url" },
      { "/secret/url": `${URL_TEXT}\n` },
      { connectionString: URL_TEXT },
    ],
    [
      "environment over folder for secrets",
      { ...FOLDER, DATABASE_URL: "postgresql://a:b@c/d" },
      inFolder("{}"),
      { connectionString: "postgresql://a:b@c/d" },
    ],
  ])("%s", (_name, environment, files, expected) => {
    expect(config(environment, files).database).toMatchObject(expected);
  });

  it.each<[string, Environment, string]>([
    ["development", GOOD, "127.0.0.1"],
    ["production", { ...GOOD, NODE_ENV: "production" }, "0.0.0.0"],
    ["said so", { ...GOOD, NODE_ENV: "production", HOST: "127.0.0.2" }, "127.0.0.2"],
  ])("listens where the environment lets it: %s", (_name, environment, host) => {
    expect(config(environment).host).toBe(host);
  });

  it.each<[string, Environment, Files, string]>([
    [
      "conflict",
      { ...GOOD, DATABASE_CONNECTION_LIMIT: "7", DATABASE_URL: `${URL_TEXT}?connection_limit=3` },
      {},
      "DATABASE_CONNECTION_LIMIT: environment says 7 and wins over database URL (connection_limit) with 3",
    ],
    [
      "flag without effect",
      { ...GOOD, DATABASE_URL: `${URL_TEXT}?pgbouncer=true` },
      {},
      "DATABASE_URL: pgbouncer has no effect (PgBouncer >= 1.21 needs no such flag)",
    ],
    [
      "name of its own, which would take those that health goes by",
      { ...GOOD, DATABASE_URL: `${URL_TEXT}?application_name=shop` },
      {},
      "DATABASE_URL: application_name has no effect (health tells connections apart by the names that they have)",
    ],
  ])("warns of a %s", (_name, environment, files, warning) => {
    expect(config(environment, files).warnings).toEqual([warning]);
  });

  it.each([
    "PORTS",
    "NPM_TOKEN",
    "APP_TOKEN",
    "AWS_TOKEN",
    "CI_TOKEN",
    "NPM_TOKEN_FILE",
    "CI_TOKEN_FILE",
    "CONSUL_URL",
  ])("takes no notice of another program's variable: %s", (key) => {
    expect(config({ ...GOOD, [key]: "x" }).warnings).toEqual([]);
  });

  it("does not warn where all sources agree", () => {
    expect(
      config(FOLDER, inFolder('{"DATABASE_CONNECTION_LIMIT":"10","DATABASE_POOL_TIMEOUT":"30"}')).warnings,
    ).toEqual([]);
  });
});

describe("bad configurations", () => {
  const BAD_NUMBERS = [
    "abc",
    "-1",
    "0",
    "NaN",
    "Infinity",
    "1e3",
    "0x10",
    " 5",
    "10001",
    "1.5",
    "99999999999",
  ];
  it.each(BAD_NUMBERS)("DATABASE_CONNECTION_LIMIT=%s", (text) => {
    expect(problems({ ...GOOD, DATABASE_CONNECTION_LIMIT: text })).toEqual([
      `DATABASE_CONNECTION_LIMIT (environment): found ${JSON.stringify(text)}; allowed: a whole number from 1 to 10000`,
    ]);
  });

  const BAD_SECONDS = ["0", "0.01", "-5", "soon", "NaN", "86401", "1.2345", "5s"];
  it.each(BAD_SECONDS)("DATABASE_POOL_TIMEOUT=%s", (text) => {
    expect(problems({ ...GOOD, DATABASE_POOL_TIMEOUT: text })[0]).toMatch(
      /^DATABASE_POOL_TIMEOUT \(environment\): found/,
    );
  });

  it.each<[string, Environment, RegExp]>([
    [
      "switch",
      { USE_ENHANCED_POOLING: "yes" },
      /^USE_ENHANCED_POOLING .* found "yes"; allowed: true or false$/,
    ],
    ["log level", { LOG_LEVEL: "loud" }, /^LOG_LEVEL .* allowed: one of fatal, error/],
    ["port", { PORT: "65536" }, /^PORT .* allowed: a port from 0 to 65535$/],
    ["stack name with newline", { POOLKIT_STACK: "a\nb" }, /^POOLKIT_STACK .* found "a\\nb"/],
    [
      "misspelt variable",
      { DATABASE_CONECTION_LIMIT: "5" },
      /^DATABASE_CONECTION_LIMIT: .* did you mean DATABASE_CONNECTION_LIMIT\?$/,
    ],
    [
      "a variable without its end",
      { USE_ENHANCED_POOL: "true" },
      /^USE_ENHANCED_POOL: .* did you mean USE_ENHANCED_POOLING\?$/,
    ],
    [
      "a short variable with a letter too many",
      { API_TOKENS: "x" },
      /^API_TOKENS: .* did you mean API_TOKEN\?$/,
    ],
    ["a name of eight letters", { LOG_LEVL: "x" }, /^LOG_LEVL: .* did you mean LOG_LEVEL\?$/],
    ["startup options", { PGOPTIONS: "-c statement_timeout=1" }, /^PGOPTIONS: .* PgBouncer refuses it/],
    ["secret in two ways", { HEALTH_TOKEN_FILE: "/x" }, /^HEALTH_TOKEN: set in two ways/],
    ["short token", { HEALTH_TOKEN: "short" }, /^HEALTH_TOKEN .* has 5 characters; allowed: 43 to 512/],
    [
      "token of 128 bits in hex",
      { HEALTH_TOKEN: "0123456789abcdef".repeat(2) },
      /has 32 characters; allowed: 43/,
    ],
    ["token one short of 256 bits", { API_TOKEN: "a".repeat(42) }, /^API_TOKEN .* has 42 characters/],
    ["token with a space", { HEALTH_TOKEN: `${TOKEN} x` }, /^HEALTH_TOKEN .* without spaces/],
    ["no token of the API", { API_TOKEN: "" }, /^API_TOKEN: not set; give a random text/],
    ["one token for both", { API_TOKEN: TOKEN }, /^API_TOKEN: is the same as HEALTH_TOKEN/],
    ["metrics with health's token", { METRICS_TOKEN: TOKEN }, /^METRICS_TOKEN: is the same as another token/],
    ["metrics with the API's token", { METRICS_TOKEN: API_TOKEN }, /^METRICS_TOKEN: is the same as another/],
    ["short metrics token", { METRICS_TOKEN: "short" }, /^METRICS_TOKEN .* has 5 characters/],
    ["no URL", { DATABASE_URL: "pgbouncer:6432" }, /^DATABASE_URL \(environment\): has the scheme pgbouncer/],
    ["no URL at all", { DATABASE_URL: "not a url" }, /^DATABASE_URL \(environment\): is no URL/],
    ["wrong scheme", { DATABASE_URL: "mysql://a:b@c/d" }, /scheme mysql; allowed: postgres or postgresql/],
    ["no user", { DATABASE_URL: "postgres://c/d" }, /names no user/],
    ["no database", { DATABASE_URL: "postgres://a:b@c" }, /names no database/],
    ["bad escape", { DATABASE_URL: "postgres://a:b%zz@c/d" }, /holds a % that starts no escape/],
    [
      "statement_timeout",
      { DATABASE_URL: `${URL_TEXT}?statement_timeout=5` },
      /parameter statement_timeout, which PgBouncer refuses/,
    ],
    ["options", { DATABASE_URL: `${URL_TEXT}?options=-c%20x` }, /parameter options, which PgBouncer refuses/],
    [
      "unknown parameter",
      { DATABASE_URL: `${URL_TEXT}?conection_limit=5` },
      /did you mean connection_limit\?/,
    ],
    ["parameter twice", { DATABASE_URL: `${URL_TEXT}?schema=a&schema=b` }, /parameter schema twice/],
    ["bad schema", { DATABASE_URL: `${URL_TEXT}?schema=a"b` }, /schema parameter that is no plain/],
    [
      "bad limit in the URL",
      { DATABASE_URL: `${URL_TEXT}?connection_limit=0` },
      /^DATABASE_CONNECTION_LIMIT \(database URL/,
    ],
    [
      "endless wait in the URL",
      { DATABASE_URL: `${URL_TEXT}?pool_timeout=0` },
      /^DATABASE_POOL_TIMEOUT \(database URL/,
    ],
    ["bad monitor URL", { MONITOR_URL: "http://x" }, /^MONITOR_URL .* scheme http/],
  ])("%s", (_name, bad, expected) => {
    const found = problems({ ...GOOD, ...bad });
    expect(found.filter((problem) => expected.test(problem))).toHaveLength(1);
  });

  it.each<[string, Files, RegExp]>([
    ["no settings file", {}, /^POOLKIT_CONFIG_DIR: there is no .*settings.json; write it/],
    ["an empty settings file", { "/run/poolkit/settings.json": "" }, /settings.json: is not valid JSON/],
    ["broken JSON", inFolder("{"), /settings.json: is not valid JSON/],
    ["an array", inFolder("[]"), /settings.json: is no JSON object/],
    [
      "a number",
      inFolder('{"DATABASE_CONNECTION_LIMIT":5}'),
      /DATABASE_CONNECTION_LIMIT is no text but number/,
    ],
    ["an unknown key", inFolder('{"DATABASE_LIMIT":"5"}'), /unknown key "DATABASE_LIMIT"/],
    ["a process setting", inFolder('{"PORT":"80"}'), /unknown key "PORT"/],
    [
      "unreadable",
      inFolder("{}", { "/run/poolkit/database-url": "unreadable" }),
      /^DATABASE_URL: cannot read .*EACCES/,
    ],
    [
      "huge",
      inFolder("{}", { "/run/poolkit/health-token": "x".repeat(65_537) }),
      /health-token has 65537 bytes; allowed: at most 65536$/,
    ],
    ["null", inFolder("null"), /settings.json: is no JSON object/],
    ["a setting that is null", inFolder('{"STOP_GRACE":null}'), /STOP_GRACE is no text but null; put it/],
    [
      "a misspelt key",
      inFolder('{"STOP_GRASE":"5"}'),
      /unknown key "STOP_GRASE"; did you mean STOP_GRACE\?$/,
    ],
    ["a key like no other", inFolder('{"colour":"5"}'), /unknown key "colour"$/],
    [
      "a short token",
      inFolder("{}", { "/run/poolkit/health-token": "short\n" }),
      /^HEALTH_TOKEN \(configuration folder\): has 5 characters/,
    ],
  ])("configuration folder: %s", (_name, files, expected) => {
    expect(problems(FOLDER, files).filter((problem) => expected.test(problem))).toHaveLength(1);
  });

  it.each<[string, string | undefined, string]>([
    ["absent", undefined, "HEALTH_TOKEN_FILE: there is no file /named; correct the path"],
    [
      "unreadable",
      "unreadable",
      "HEALTH_TOKEN_FILE: cannot read /named (EACCES); allow this user to read it or correct the path",
    ],
    ["huge", "x".repeat(65_537), "HEALTH_TOKEN_FILE: /named has 65537 bytes; allowed: at most 65536"],
  ])("says once that a named file is %s", (_, text, problem) => {
    const files: Files = text === undefined ? {} : { "/named": text };
    const found = problems({ ...GOOD, HEALTH_TOKEN: "", HEALTH_TOKEN_FILE: "/named" }, files);
    expect(found.filter((line) => line.startsWith("HEALTH_TOKEN_FILE"))).toEqual([problem]);
  });

  it("says of a named file's text where it is from", () => {
    const environment = { ...GOOD, HEALTH_TOKEN: "", HEALTH_TOKEN_FILE: "/named" };
    expect(problems(environment, { "/named": "short\n" })).toEqual([
      expect.stringMatching(/^HEALTH_TOKEN \(environment \(file\)\): has 5 characters/),
    ]);
  });

  it("reports all problems at once", () => {
    const found = problems({ PORT: "x", DATABASE_POOL_TIMEOUT: "0", DATABASE_URLS: "x" });
    expect(found.map((problem) => problem.split(/[: ]/)[0])).toEqual([
      "DATABASE_URLS",
      "DATABASE_URL",
      "PORT",
      "DATABASE_POOL_TIMEOUT",
      "HEALTH_TOKEN",
      "API_TOKEN",
    ]);
  });

  it.each([
    `mysql://u:${PASSWORD}@h/d`,
    `postgres://u:${PASSWORD}@h`,
    `postgres://u:${PASSWORD}@h/d?options=x`,
    `postgres://u:${PASSWORD}%zz@h/d`,
    `postgres://u:1?${PASSWORD}@h/d`,
    `postgres://u:1?a=${PASSWORD}@h/d`,
    `postgres://u:x@h/d?${PASSWORD}=1`,
    `${PASSWORD}`,
  ])("never prints a secret: %s", (url) => {
    const found = problems({
      DATABASE_URL: url,
      MONITOR_URL: url,
      CONSOLE_URL: url,
      HEALTH_TOKEN: `${TOKEN} `,
      API_TOKEN: `${API_TOKEN} `,
      METRICS_TOKEN: `${METRICS_TOKEN} `,
    });
    expect(found.length).toBeGreaterThan(1);
    expect(found.join("\n")).not.toContain(PASSWORD);
    expect(found.join("\n")).not.toContain(TOKEN);
    expect(found.join("\n")).not.toContain(API_TOKEN);
    expect(found.join("\n")).not.toContain(METRICS_TOKEN);
  });
});

describe("a URL in the place of a plain setting", () => {
  it.each([`postgres://u:${PASSWORD}@h/d`, `u:${PASSWORD}@h`])("is not printed: %s", (text) => {
    const keys = ["DATABASE_CONNECTION_LIMIT", "HOST", "LOG_LEVEL", "POOLKIT_STACK"];
    const found = problems({ ...GOOD, ...Object.fromEntries(keys.map((key) => [key, text])) });
    expect(found.map((problem) => problem.split(" ")[0]).sort()).toEqual(keys);
    expect(found.join("\n")).not.toContain(PASSWORD.slice(0, 6));
    expect(found[0]).toMatch(/found something like a URL \(not shown\); allowed: /);
  });
});

describe("files", () => {
  it("are as large as 64 KiB", () => {
    const settings = '{"DATABASE_CONNECTION_LIMIT":"10"}'.padEnd(65_536);
    expect(config(FOLDER, inFolder(settings)).database.connectionLimit).toBe(10);
  });

  it("are those of the folder and those that variables name, where there are any", () => {
    const named = { HEALTH_TOKEN_FILE: "/run/secrets/health", API_TOKEN_FILE: "" };
    expect(configFiles({})).toEqual([]);
    expect(configFiles(named)).toEqual(["/run/secrets/health"]);
    expect(configFiles({ ...FOLDER, ...named })).toEqual([
      ...Object.keys(inFolder("{}")),
      "/run/secrets/health",
    ]);
  });

  it("that are absent are told from those that cannot be read", () => {
    expect(readFileIfPresent(import.meta.filename)?.toString()).toContain("readFileIfPresent(import");
    expect(readFileIfPresent(`${import.meta.filename}.absent`)).toBeUndefined();
    expect(() => readFileIfPresent(import.meta.dirname)).toThrow("EISDIR");
  });
});

describe("revision", () => {
  it("is SHA-256 over the seven files, each followed by one NUL byte", () => {
    const files = inFolder('{"POOLKIT_STACK":"dev"}');
    const names = [
      "settings.json",
      "database-url",
      "monitor-url",
      "console-url",
      "health-token",
      "api-token",
      "metrics-token",
    ];
    const text = names.map((name) => `${files[`/run/poolkit/${name}`]}\0`).join("");
    expect(config(FOLDER, files).revision).toBe(createHash("sha256").update(text).digest("hex"));
  });

  it("is null without a configuration folder, and tells an absent file from a moved byte", () => {
    expect(config(GOOD).revision).toBeNull();
    expect(revisionOf([Buffer.from("ab"), undefined])).not.toBe(
      revisionOf([Buffer.from("a"), Buffer.from("b")]),
    );
  });
});
