import { describe, expect, it } from "vitest";
import { alertSizes } from "../../infra/alert-sizes.ts";
import { hostBasedAccess } from "../../infra/postgres-settings.ts";
import { resolveSizing, type SizingInput } from "../../infra/sizing.ts";
import { settingProblems } from "../../pgbouncer/merge.ts";
import { input, overrides, pgbouncer } from "../support/configurations.ts";

function settings(wanted: SizingInput): Record<string, string | undefined> {
  const { sizing, problems } = resolveSizing(wanted);
  expect(problems).toEqual([]);
  return { ...sizing.pgbouncer.settings };
}

describe("poolkit:observability", () => {
  it("is the exporter's login on PgBouncer's console, and nothing where it is off", () => {
    const off = settings(input());
    expect(off.stats_users).toBe("poolkit_monitor");
    expect(off.ignore_startup_parameters).toBeUndefined();
    expect(settings(input({ observability: true }))).toEqual({
      ...off,
      stats_users: "poolkit_monitor,poolkit_exporter",
      ignore_startup_parameters: "extra_float_digits",
    });
  });

  it("keeps the user's own parameters that PgBouncer swallows", () => {
    const own = { ignore_startup_parameters: "search_path,options" };
    expect(settings(pgbouncer(own)).ignore_startup_parameters).toBe("search_path,options");
    const observed = settings(pgbouncer(own, { observability: true }));
    expect(observed.ignore_startup_parameters).toBe("search_path,options,extra_float_digits");
    const same = { ignore_startup_parameters: "extra_float_digits, options" };
    expect(settings(pgbouncer(same, { observability: true })).ignore_startup_parameters).toBe(
      "extra_float_digits,options",
    );
  });

  it("makes a PgBouncer that swallows settings without options no more allowed than before", () => {
    const problems = (value: string) => settingProblems("ignore_startup_parameters", value).length;
    expect(problems("extra_float_digits")).toBe(0);
    expect(problems("search_path")).toBe(1);
    expect(problems("search_path,extra_float_digits")).toBe(1);
  });

  it("lets the exporter into the application's database only", () => {
    const lines = (hasExporter: boolean) => hostBasedAccess("shop", hasExporter);
    const added = lines(true).filter((line) => !lines(false).includes(line));
    expect(added).toEqual(["host shop poolkit_exporter all scram-sha-256"]);
  });
});

describe("the sizes that alerts follow", () => {
  const pools = (wanted: SizingInput) => alertSizes(wanted, resolveSizing(wanted).sizing, true).pools;

  it("are the preset's under the user's overrides", () => {
    const application = { database: "poolkit", user: "poolkit_app", poolTimeoutSeconds: 10 };
    expect(pools(input())).toEqual([{ ...application, queryWaitTimeoutSeconds: 5, poolSize: 15 }]);
    expect(pools(overrides({ queryWaitTimeoutSeconds: 4, poolSize: 12 }))).toEqual([
      { ...application, queryWaitTimeoutSeconds: 4, poolSize: 12 },
    ]);
  });

  it("are those of each entry for itself", () => {
    const entries = {
      default_pool_size: 12,
      databases: { poolkit: { pool_size: 9 }, jobs: { pool_size: 3, query_wait_timeout: 60 }, reports: {} },
    };
    expect(pools(pgbouncer(entries))).toMatchObject([
      { database: "poolkit", poolSize: 9, queryWaitTimeoutSeconds: 5, poolTimeoutSeconds: 10 },
      { database: "jobs", poolSize: 3, queryWaitTimeoutSeconds: 60, poolTimeoutSeconds: 0 },
      { database: "reports", poolSize: 12, queryWaitTimeoutSeconds: 5, poolTimeoutSeconds: 0 },
    ]);
  });
});
