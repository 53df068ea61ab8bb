import { describe, expect, it } from "vitest";
import {
  type Config,
  type ConfigResult,
  type DatabaseSettings,
  loadConfig,
} from "../../../app/config/config.ts";
import { LiveConfig } from "../../../app/lifecycle/live-config.ts";

const TOKEN = "0123456789abcdef".repeat(4);
const silent = { info: () => {}, warn: () => {} };

function read(environment: Record<string, string>): ConfigResult {
  return loadConfig(
    {
      DATABASE_URL: "postgres://a:canary@h/d",
      HEALTH_TOKEN: TOKEN,
      API_TOKEN: "y".repeat(43),
      ...environment,
    },
    () => undefined,
  );
}

function good(environment: Record<string, string>): Config {
  const result = read(environment);
  if (!result.ok) throw new Error(result.problems.join());
  return result.config;
}

/** A LiveConfig whose next configurations are `next`, and what it did to the pool. */
function live(next: Record<string, string>[], canLogIn = true) {
  const used: DatabaseSettings[] = [];
  const tried: DatabaseSettings[] = [];
  const queue = next.map(read);
  const config = new LiveConfig(good({}), {
    pool: {
      use: async (settings) => {
        used.push(settings);
      },
    },
    log: silent,
    load: () => queue.shift() ?? read({}),
    canLogIn: async (settings) => {
      tried.push(settings);
      return canLogIn;
    },
  });
  return { config, used, tried };
}

describe("LiveConfig", () => {
  it("takes over a new limit without trying the login anew", async () => {
    const { config, used, tried } = live([{ DATABASE_CONNECTION_LIMIT: "20" }]);
    await config.reload();
    expect(config.current.database.connectionLimit).toBe(20);
    expect(used.map((settings) => settings.connectionLimit)).toEqual([20]);
    expect(tried).toEqual([]);
  });

  it("exchanges no pool when nothing of the pool changed", async () => {
    const { config, used } = live([{ HEALTH_TOKEN: TOKEN.toUpperCase(), POOLKIT_PRESET: "prod" }]);
    await config.reload();
    expect(config.current.healthToken).toBe(TOKEN.toUpperCase());
    expect(used).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["a bad value", { DATABASE_POOL_TIMEOUT: "0" }, /^DATABASE_POOL_TIMEOUT .*found "0"/],
    ["another schema", { DATABASE_URL: "postgres://a:canary@h/d?schema=x" }, /schema cannot change/],
    ["a URL that does not log in", { DATABASE_URL: "postgres://a:canary2@h/d" }, /new URL does not log in/],
  ])("refuses %s, keeps the former configuration and says why", async (_name, bad, reason) => {
    const { config, used } = live([bad, {}], false);
    const before = config.current;
    await config.reload();
    expect(config.current).toBe(before);
    expect(config.lastError).toMatch(reason);
    expect(config.lastError).not.toContain("canary");
    expect(used).toEqual([]);
    await config.reload();
    expect(config.lastError).toBeNull();
  });

  it("refuses a change that fails, and takes the next one", async () => {
    const limits = ["2", "3"].map((limit) => read({ DATABASE_CONNECTION_LIMIT: limit }));
    let uses = 0;
    const config = new LiveConfig(good({}), {
      pool: {
        use: async () => {
          uses += 1;
          if (uses === 1) throw new Error("canary");
        },
      },
      log: silent,
      load: () => limits.shift() ?? read({}),
    });
    await config.reload();
    expect(config.lastError).toBe("the change failed: other");
    await config.reload();
    expect(config.lastError).toBeNull();
    expect(config.current.database.connectionLimit).toBe(3);
  });

  it("says whether it was taken over, and tells of the same refusal once when it is only tried again", async () => {
    const told: object[] = [];
    const bad = () => read({ DATABASE_POOL_TIMEOUT: "0" });
    const queue = [bad(), bad(), bad(), read({ DATABASE_CONNECTION_LIMIT: "7" })];
    const config = new LiveConfig(good({}), {
      pool: { use: async () => {} },
      log: { info: () => {}, warn: (fields) => told.push(fields) },
      load: () => queue.shift() ?? read({}),
    });
    expect(await config.reload()).toBe(false);
    expect(await config.reload({ isAgain: true })).toBe(false);
    expect(told).toHaveLength(1);
    expect(await config.reload()).toBe(false);
    expect(told).toHaveLength(2);
    expect(await config.reload({ isAgain: true })).toBe(true);
    expect(config.current.database.connectionLimit).toBe(7);
  });

  it("takes over a URL that logs in", async () => {
    const { config, used } = live([{ DATABASE_URL: "postgres://a:rotated@h/d" }]);
    await config.reload();
    expect(used.map((settings) => settings.connectionString)).toEqual(["postgres://a:rotated@h/d"]);
  });

  it("handles signals that come together one after the other, so that the last one wins", async () => {
    const urls = ["postgres://a:first@h/d", "postgres://a:last@h/d"];
    const queue = urls.map((DATABASE_URL) => read({ DATABASE_URL }));
    const logins = urls.map(() => Promise.withResolvers<boolean>());
    const pending = [...logins];
    const used: string[] = [];
    const config = new LiveConfig(good({}), {
      pool: {
        use: async (settings) => {
          used.push(settings.connectionString);
        },
      },
      log: silent,
      load: () => queue.shift() ?? read({}),
      canLogIn: async () => (await pending.shift()?.promise) ?? false,
    });
    const reloads = [config.reload(), config.reload()];
    logins[1]?.resolve(true); // the login of the last one answers first
    await new Promise((resolve) => setImmediate(resolve));
    logins[0]?.resolve(true);
    await Promise.all(reloads);
    expect(used).toEqual(urls);
    expect(config.current.database.connectionString).toBe(urls[1]);
  });
});
