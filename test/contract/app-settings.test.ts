import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../app/config/config.ts";
import { ENVIRONMENT_KEYS, LIVE_SETTINGS } from "../../app/config/settings.ts";
import { ACQUIRE_WAIT_BOUNDS, USE_BOUNDS } from "../../app/database/measured-pool.ts";
import { PROBE_DEADLINE_MS } from "../../app/database/probe-connection.ts";
import { buildInfo } from "../../app/generated/build-info.ts";
import { appSettings } from "../../infra/app-settings.ts";
import { healthSeconds } from "../../infra/budget/deployment.ts";
import { applyOverrides, overrideNames, overrideRange } from "../../infra/overrides.ts";
import { presetNames, presets } from "../../infra/presets.ts";

const root = path.resolve(import.meta.dirname, "../..");
const text = (file: string) => readFileSync(path.join(root, file), "utf8");

/** Read by prisma.config.ts for Prisma's CLI, never by the application. */
const TOOL_KEYS = ["DIRECT_URL", "DIRECT_URL_FILE"];

const secrets = {
  DATABASE_URL: "postgres://app:p@pgbouncer/app",
  HEALTH_TOKEN: "t".repeat(64),
  API_TOKEN: "u".repeat(64),
};

/** Pulumi allows 100 letters, digits, dashes, underscores and dots for a stack. */
const longestName = "a-Stack_1.".repeat(10);

describe("variables", () => {
  it(".env.example has exactly the variables that the application and Prisma's CLI read", () => {
    expect(Object.keys(parseEnv(text(".env.example"))).sort()).toEqual(
      [...ENVIRONMENT_KEYS, ...TOOL_KEYS].sort(),
    );
  });

  it(".env.example explains every group of variables", () => {
    const blocks = text(".env.example").split(/\n(?=#)/);
    expect(blocks.every((block) => block.startsWith("#"))).toBe(true);
  });

  it.each(presetNames)("infra writes for %s only settings that the application knows and accepts", (name) => {
    const written = Object.entries(appSettings(longestName, name, presets[name]));
    const known = new Map(Object.entries(LIVE_SETTINGS));
    for (const [key, value] of written) {
      expect(known.get(key)?.schema.safeParse(value).success, `${key}=${value}`).toBe(true);
    }
    // What infra leaves out must have a default in the application.
    const left = [...known.keys()].filter((key) => !written.some(([writtenKey]) => writtenKey === key));
    expect(left).toEqual(["DATABASE_ACQUIRE_TIMEOUT", "DATABASE_LEAK_THRESHOLD"]);
  });

  it("the application accepts the lowest and the highest value that infra lets anybody set", () => {
    const outermost = (bound: "min" | "max") =>
      Object.fromEntries(
        overrideNames.flatMap((name) => {
          const range = overrideRange(name);
          return range === undefined ? [] : [[name, range[bound]]];
        }),
      );
    for (const overrides of [outermost("min"), outermost("max")]) {
      const { values } = applyOverrides(presets.dev, overrides);
      const environment = { ...appSettings(longestName, "dev", values), ...secrets };
      expect(loadConfig(environment, () => undefined)).toMatchObject({ ok: true });
    }
  });
});

describe("health", () => {
  it("has the time limits that the budget counts with", () => {
    const { probe, answer, containerCheck, containerLimit } = healthSeconds;
    expect(PROBE_DEADLINE_MS).toBe(probe * 1000);
    expect(text("app/health/health.ts")).toContain(`Answers within ${answer} s`);
    expect(text("app/healthcheck.ts")).toContain(`TIMEOUT_MS = ${containerCheck * 1000};`);
    expect(text("app/Dockerfile")).toContain(`--timeout=${containerLimit}s`);
  });
});

describe("acquire waits", () => {
  it("have the acquire timeout of every preset as a bound of their histogram", () => {
    for (const name of presetNames) expect(ACQUIRE_WAIT_BOUNDS).toContain(presets[name].poolTimeoutSeconds);
  });

  it("uses have it and the transaction timeout of every preset", () => {
    for (const name of presetNames) {
      const { poolTimeoutSeconds, transactionTimeoutSeconds } = presets[name];
      expect(USE_BOUNDS).toEqual(expect.arrayContaining([poolTimeoutSeconds, transactionTimeoutSeconds]));
    }
  });
});

describe("files", () => {
  const sources = readdirSync(path.join(root, "app"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("generated"))
    .map((file) => ({ file, source: text(`app/${file}`) }));
  const filesWith = (pattern: RegExp) =>
    sources.filter(({ source }) => pattern.test(source)).map(({ file }) => file);

  it.each<[string, RegExp, string[]]>([
    ["constructs the client", /new PrismaClient\(/, ["database/prisma.ts"]],
    ["constructs a pool", /new (pg\.)?(Measured)?Pool\(/, ["database/database-pool.ts"]],
    ["extends the pool", /extends pg\.Pool\b/, ["database/measured-pool.ts"]],
    ["constructs the adapter", /new PrismaPg\(/, ["database/database-pool.ts"]],
    ["constructs the exchange", /new PoolExchange\(/, ["database/prisma.ts"]],
    ["constructs a bare client", /new (pg\.)?Client\(/, ["database/probe-connection.ts"]],
    ["reads the environment", /process\.env\b/, ["config/environment.ts"]],
  ])("only the named one %s", (_what, pattern, files) => {
    expect(filesWith(pattern)).toEqual(files);
  });

  it("the build knows every migration", () => {
    const folders = readdirSync(path.join(root, "prisma/migrations"), { withFileTypes: true });
    const names = folders.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect(buildInfo.migrations).toEqual(names.sort());
  });
});
