import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { readConfig } from "../../infra/config.ts";

const seed = "canary-seed-0123456789abcdef-0123456789abcdef";
const good = { "poolkit:preset": "dev", "poolkit:secretSeed": seed };

beforeAll(async () => {
  const mocks = {
    newResource: ({ name, inputs }: pulumi.runtime.MockResourceArgs) => ({ id: name, state: inputs }),
    call: () => ({}),
  };
  await pulumi.runtime.setMocks(mocks, "poolkit", "dev", false);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function read(config: Record<string, string>) {
  pulumi.runtime.setAllConfig(config);
  return readConfig();
}

function refusal(config: Record<string, string>): string {
  try {
    read(config);
  } catch (error) {
    return error instanceof pulumi.RunError ? error.message : `not a RunError: ${String(error)}`;
  }
  return "accepted";
}

const override = (value: unknown) => ({ "poolkit:overrides": JSON.stringify({ connectionLimit: value }) });
const pgbouncer = (settings: unknown) => ({ "poolkit:pgbouncer": JSON.stringify(settings) });
const scrape = (jobs: unknown) => ({ "poolkit:scrape": JSON.stringify(jobs) });
const ports = (value: unknown) => ({ "poolkit:ports": JSON.stringify(value) });

/** [what, configuration over a good one, path, found] */
const refused: [string, Record<string, string>, string, string][] = [
  ["a misspelt preset", { "poolkit:preset": "prd" }, "poolkit:preset", '"prd"'],
  ["a preset in capitals", { "poolkit:preset": "PROD" }, "poolkit:preset", '"PROD"'],
  ["a preset with a newline", { "poolkit:preset": "dev\n" }, "poolkit:preset", '"dev\\n"'],
  ["an unknown key", { "poolkit:replicas": "3" }, "poolkit:replicas", "an unknown key"],
  ["a negative limit", override(-5), "poolkit:overrides.connectionLimit", "-5"],
  ["a limit of zero", override(0), "poolkit:overrides.connectionLimit", "0"],
  ["a huge limit", override(1e9), "poolkit:overrides.connectionLimit", "1000000000"],
  ["half a connection", override(1.5), "poolkit:overrides.connectionLimit", "1.5"],
  ["NaN", override("NaN"), "poolkit:overrides.connectionLimit", '"NaN"'],
  ["infinity", override("Infinity"), "poolkit:overrides.connectionLimit", '"Infinity"'],
  ["a number in quotes", override("20"), "poolkit:overrides.connectionLimit", '"20"'],
  ["null", override(null), "poolkit:overrides.connectionLimit", "null"],
  ["a list", override([20]), "poolkit:overrides.connectionLimit", "[20]"],
  [
    "a mode that is no boolean",
    { "poolkit:overrides": '{"enhancedPooling":"yes"}' },
    "poolkit:overrides.enhancedPooling",
    '"yes"',
  ],
  [
    "a misspelt override",
    { "poolkit:overrides": '{"conectionLimit":5}' },
    "poolkit:overrides.conectionLimit",
    "an unknown key",
  ],
  [
    "an inherited name",
    { "poolkit:overrides": '{"constructor":5}' },
    "poolkit:overrides.constructor",
    "an unknown key",
  ],
  ["overrides that are a list", { "poolkit:overrides": "[1]" }, "poolkit:overrides", "[1]"],
  [
    "an unknown PgBouncer setting",
    pgbouncer({ defualt_pool_size: 5 }),
    "poolkit:pgbouncer.defualt_pool_size",
    "unknown",
  ],
  ["a forced PgBouncer setting", pgbouncer({ auth_type: "trust" }), "poolkit:pgbouncer.auth_type", '"trust"'],
  [
    "a negative PgBouncer value",
    pgbouncer({ default_pool_size: -1 }),
    "poolkit:pgbouncer.default_pool_size",
    '"-1"',
  ],
  [
    "an injected PgBouncer line",
    pgbouncer({ server_reset_query: "x\nadmin_users = app" }),
    "poolkit:pgbouncer.server_reset_query",
    "\\n",
  ],
  [
    "an object as a PgBouncer value",
    pgbouncer({ default_pool_size: {} }),
    "poolkit:pgbouncer.default_pool_size",
    "{}",
  ],
  ["a switch that is neither", { "poolkit:observability": "yes" }, "poolkit:observability", '"yes"'],
  [
    "another switch that is neither",
    { "poolkit:enginePortsForwarded": "1" },
    "poolkit:enginePortsForwarded",
    '"1"',
  ],
  ["a list of targets without a job", scrape(["a:1"]), "poolkit:scrape", '["a:1"]'],
  [
    "targets that no Prometheus asks",
    scrape({ backup: { targets: ["a:1"] } }),
    "poolkit:scrape",
    "poolkit:observability is off",
  ],
  [
    "a target that is none",
    { ...scrape({ backup: { targets: ["a"] } }), "poolkit:observability": "true" },
    "poolkit:scrape.backup.targets[0]",
    '"a"',
  ],
  ["an unknown port", ports({ web: 8080 }), "poolkit:ports.web", "an unknown key"],
  ["a privileged port", ports({ app: 1023 }), "poolkit:ports.app", "1023"],
  ["a port past the end", ports({ app: 65_536 }), "poolkit:ports.app", "65536"],
  ["a negative port", ports({ app: -1 }), "poolkit:ports.app", "-1"],
  ["a port in quotes", ports({ app: "8080" }), "poolkit:ports.app", '"8080"'],
  ["the same port twice", ports({ app: 6432 }), "poolkit:ports", "app 6432, pgbouncer 6432"],
  [
    "Prometheus' port for something else, where it runs",
    { ...ports({ app: 9090 }), "poolkit:observability": "true" },
    "poolkit:ports",
    "app 9090, pgbouncer 6432, postgres 5433, prometheus 9090",
  ],
  [
    "a database name with a quote",
    { "poolkit:databaseName": 'a"; DROP' },
    "poolkit:databaseName",
    'a\\"; DROP',
  ],
  ["a database name with a newline", { "poolkit:databaseName": "a\nb" }, "poolkit:databaseName", '"a\\nb"'],
  ["a database name in capitals", { "poolkit:databaseName": "Shop" }, "poolkit:databaseName", '"Shop"'],
  [
    "a database name that is too long",
    { "poolkit:databaseName": "x".repeat(64) },
    "poolkit:databaseName",
    "xxx",
  ],
  ...[
    // What is there already, and what opens all of them to everybody in pg_hba.conf.
    ...["postgres", "template0", "template1", "pgbouncer"],
    ...["all", "replication", "samegroup", "samerole", "sameuser"],
  ].map((name): [string, Record<string, string>, string, string] => [
    `the database name ${name}`,
    { "poolkit:databaseName": name },
    "poolkit:databaseName",
    JSON.stringify(name),
  ]),
  ["an empty database name", { "poolkit:databaseName": "" }, "poolkit:databaseName", '""'],
  ["a base image with a space", { "poolkit:baseImage": "debian forky" }, "poolkit:baseImage", "debian forky"],
  [
    "a base image with an option",
    { "poolkit:baseImage": "--privileged" },
    "poolkit:baseImage",
    "--privileged",
  ],
  ["a missing secret", { "poolkit:secretSeed": "" }, "poolkit:secretSeed", "nothing"],
  [
    "a pool that does not fit the path",
    { "poolkit:overrides": '{"connectionLimit":40}' },
    "poolkit:overrides.connectionLimit",
    "= 90 clients",
  ],
  ["a budget that is a list", { "poolkit:budget": "[]" }, "poolkit:budget", "[]"],
  ["overrides that are no JSON", { "poolkit:overrides": "{" }, "poolkit:overrides", '"{"'],
  ["an application that is no JSON", { "poolkit:application": "{" }, "poolkit:application", '"{"'],
  ["a short secret", { "poolkit:secretSeed": "x".repeat(31) }, "poolkit:secretSeed", "31 characters"],
];

describe("readConfig refuses", () => {
  it.each(refused)("%s", (_what, config, path, found) => {
    const text = refusal({ ...good, ...config });
    expect(text).toContain("nothing was created or changed");
    const lines = text.split("\n");
    const at = lines.indexOf(`  ${path}`);
    expect(lines.slice(at, at + 4)).toEqual([
      `  ${path}`,
      expect.stringMatching(/^ {4}found {4}\S/),
      expect.stringMatching(/^ {4}allowed {2}\S/),
      expect.stringMatching(/^ {4}fix {6}\S/),
    ]);
    expect(lines[at + 1]).toContain(found);
  });

  it("everything at once, and never shows the secret", () => {
    const text = refusal({ ...good, ...override(-5), ...ports({ app: 1 }), "poolkit:preset": "prd" });
    expect(text).toContain("3 problems");
    expect(text).not.toContain("canary");
  });

  it("and never shows a URL's password", () => {
    const url = "postgres://u:canary@db.example/shop";
    const text = refusal({
      ...good,
      "poolkit:preset": url,
      "poolkit:baseImage": url,
      ...pgbouncer({
        default_pool_size: url,
        application_name_add_host: `${url}\n`,
        ignore_startup_parameters: url,
        databases: { jobs: { host: url, pool_size: url } },
      }),
    });
    expect(text).toContain("postgres://u:***@db.example");
    expect(text).not.toContain("canary");
  });

  it("a secret that is stored in plain text, where Pulumi says so, and one that is missing as missing", () => {
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", '["aws:token"]');
    expect(refusal(good)).toContain(`found    ${seed.length} characters, stored in plain text`);
    expect(refusal({ "poolkit:preset": "dev" })).toMatch(/found {4}nothing\n/);
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", '["poolkit:secretSeed"]');
    expect(refusal(good)).toBe("accepted");
    expect(refusal({ ...good, "poolkit:secretSeed": "short" })).toMatch(
      /found {4}5 characters\n.*\n {4}fix {6}a new stack: pulumi config set -s dev --secret poolkit:secretSeed "\$\(openssl rand -hex 32\)"; .*: pulumi config refresh -s dev/,
    );
  });

  it("a misspelt preset, and offers the nearest one", () => {
    const preset = (config: Record<string, string>) => {
      const lines = refusal({ "poolkit:secretSeed": seed, ...config }).split("\n");
      return lines[lines.indexOf("  poolkit:preset") + 3]?.trim();
    };
    expect(preset({ "poolkit:preset": "high-lod" })).toMatch(
      /^fix +pulumi config set -s dev .*preset high-load$/,
    );
    expect(preset({ "poolkit:preset": "staging" })).toMatch(/preset dev$/);
  });

  it("names the nearest key", () => {
    expect(refusal({ ...good, "poolkit:prest": "dev" })).toContain("did you mean poolkit:preset?");
    // A dot in a key's own name is no path: with --path Pulumi would remove nothing and say nothing.
    const dotted = refusal({ ...good, "poolkit:overide.connectionLimit": "5" });
    expect(dotted).toContain("pulumi config rm -s dev 'poolkit:overide.connectionLimit'");
    const nested = refusal({ ...good, ...ports({ web: 8080 }) });
    expect(nested).toContain("pulumi config rm -s dev --path 'poolkit:ports.web'");
    expect(refusal({ ...good, ...pgbouncer({ defualt_pool_size: 5 }) })).toContain("default_pool_size");
  });
});

describe("readConfig accepts", () => {
  it("a preset and a secret, and takes the rest from the preset", () => {
    const config = read(good);
    expect(config).toMatchObject({ presetName: "dev", databaseName: "poolkit", ports: { app: 3000 } });
    expect(config.pgbouncer.settings).toMatchObject({ max_client_conn: "50", pool_mode: "transaction" });
  });

  it("overrides, which reach PgBouncer's settings and the limits", () => {
    const config = read({ ...good, "poolkit:overrides": '{"poolSize":7,"protectData":true}' });
    expect(config.sizes.protectData).toBe(true);
    expect(config.pgbouncer.settings.default_pool_size).toBe("7");
    expect(config.poolLimits).toMatchObject({ pgbouncerPool: 7, pgbouncerClients: 50 });
  });

  it("further targets of Prometheus", () => {
    const jobs = { backup: { targets: ["db.example:9854"] } };
    const config = read({ ...good, ...scrape(jobs), "poolkit:observability": "true" });
    expect(config.scrapeJobs).toMatchObject([{ name: "backup", targets: ["db.example:9854"] }]);
    expect(read(good).scrapeJobs).toEqual([]);
  });

  it("that the ports of an engine elsewhere are forwarded", () => {
    expect(read(good).enginePortsForwarded).toBe(false);
    expect(read({ ...good, "poolkit:enginePortsForwarded": "true" }).enginePortsForwarded).toBe(true);
  });

  it("PgBouncer's own names over the preset's", () => {
    const config = read({ ...good, ...pgbouncer({ default_pool_size: 8 }) });
    expect(config.pgbouncer.settings.default_pool_size).toBe("8");
    expect(config.poolLimits.pgbouncerPool).toBe(8);
  });

  it("the sizes of the role and the database, which PgBouncer asks before the global ones", () => {
    const entries = {
      users: { poolkit_app: { pool_size: 3 } },
      databases: { poolkit: { pool_size: 4, reserve_pool_size: 1, max_db_connections: 9 } },
    };
    expect(read({ ...good, ...pgbouncer(entries) }).poolLimits).toMatchObject({
      pgbouncerPool: 3,
      pgbouncerReserve: 1,
      pgbouncerDatabase: 9,
    });
  });

  it("a path that does not fit, when the check is switched off", () => {
    const config = read({
      ...good,
      "poolkit:overrides": '{"connectionLimit":40}',
      "poolkit:budget": '{"check":"warn"}',
    });
    expect(config.budget.problems).toHaveLength(1);
  });

  it("what it would refuse and what it only advises, with a warning of it", () => {
    const said = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const warnings = (config: Record<string, string>) => {
      said.mockClear();
      read({ ...good, ...config });
      return said.mock.calls.map(([text]) => String(text));
    };
    expect(warnings({})).toEqual([]);
    const badPath = { "poolkit:overrides": '{"connectionLimit":40}', "poolkit:budget": '{"check":"warn"}' };
    expect(warnings(badPath)).toMatchObject([
      expect.stringMatching(
        /the configuration does not fit; poolkit:budget\.check: warn lets it through:\n.*poolkit:overrides\.connectionLimit\n/,
      ),
    ]);
    expect(warnings({ "poolkit:budget": '{"databaseCores":1}' })).toMatchObject([
      expect.stringMatching(/the configuration works, but:\n.*\n {4}found /),
    ]);
  });

  it("the lowest port that needs no privilege, and the highest", () => {
    const outermost = { app: 1024, pgbouncer: 65_535 };
    expect(read({ ...good, ...ports(outermost) }).ports).toMatchObject(outermost);
  });

  it("the longest name of a database, which is poolkit where none is given", () => {
    const longest = `_${"x1".repeat(31)}`;
    expect(read({ ...good, "poolkit:databaseName": longest }).databaseName).toBe(longest);
    expect(read(good).databaseName).toBe("poolkit");
  });

  it("the shortest secret", () => {
    expect(refusal({ ...good, "poolkit:secretSeed": "x".repeat(32) })).toBe("accepted");
  });

  it("what belongs to others, and takes the engine's address from the docker provider", () => {
    const others = { "docker:host": "ssh://engine.example", "aws:poolkit:region": "eu-west-1" };
    expect(read({ ...good, ...others }).dockerHost).toBe("ssh://engine.example");
    expect(read(good).dockerHost).toBeUndefined();
  });

  it("a base image, and Debian's where there is none", () => {
    const image = "registry.example/debian@sha256:0123";
    expect(read({ ...good, "poolkit:baseImage": image }).baseImage).toBe(image);
    expect(read(good).baseImage).toBe("debian:forky-slim");
  });

  it("an own application, whose alerts then ask nothing of the reference application's", () => {
    expect(read(good).alertSizes.hasApplicationMetrics).toBe(true);
    const own = { image: "registry.example/shop:1", port: 8080 };
    const config = read({ ...good, "poolkit:application": JSON.stringify(own) });
    expect(config.alertSizes.hasApplicationMetrics).toBe(false);
  });

  it("Prometheus' port for something else, where it does not run", () => {
    expect(read({ ...good, ...ports({ app: 9090 }) }).ports).toMatchObject({ app: 9090 });
    const prod = { ...good, "poolkit:preset": "prod", "poolkit:observability": "false" };
    expect(read({ ...prod, ...ports({ postgres: 9090 }) }).ports).toMatchObject({ postgres: 9090 });
  });

  it("the stack's name as the preset", () => {
    expect(read({ "poolkit:secretSeed": seed }).presetName).toBe("dev");
  });
});
