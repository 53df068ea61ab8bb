import { describe, expect, it } from "vitest";
import { defaultSettings, forcedSettings, withheldSettings } from "../../pgbouncer/layers.ts";
import { mergePgBouncerSettings } from "../../pgbouncer/merge.ts";
import { pgbouncerSettings } from "../../pgbouncer/settings.ts";
import { isAllowed, sameValue } from "../../pgbouncer/values.ts";

describe("mergePgBouncerSettings", () => {
  it("takes forced over user over preset over the kit's default", () => {
    const { settings, problems } = mergePgBouncerSettings({
      preset: { default_pool_size: 15, stats_period: 30 },
      user: { default_pool_size: "40", application_name_add_host: true },
    });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      application_name_add_host: "1",
      default_pool_size: "40",
      listen_addr: "*",
      pool_mode: "transaction",
      stats_period: "30",
    });
  });

  it.each([
    ["defualt_pool_size", "40", "unknown setting", "write pgbouncer.default_pool_size instead"],
    ["zzzzzzzzzz", "1", "unknown setting", "remove it"],
    ["default_pool_size", "-1", '"-1"', "set pgbouncer.default_pool_size"],
    ["default_pool_size", Number.NaN, '"NaN"', "set pgbouncer.default_pool_size"],
    ["default_pool_size", 1e21, '"1e+21"', "set pgbouncer.default_pool_size"],
    ["pool_mode", "transactoin", '"transactoin"', "set pgbouncer.pool_mode"],
    ["query_wait_timeout", "5s", '"5s"', "set pgbouncer.query_wait_timeout"],
    ["login_notify_message", "a\nadmin_users = eve", String.raw`"a\nadmin_users = eve"`, "set pgbouncer"],
    ["listen_addr", "0.0.0.0", '"0.0.0.0"', "remove pgbouncer.listen_addr"],
    ["logfile", "/var/log/x", '"/var/log/x"', "remove pgbouncer.logfile"],
    ["ignore_startup_parameters", "search_path", '"search_path"', '"search_path,options"'],
    ["ignore_startup_parameters", "no_options", '"no_options"', '"no_options,options"'],
    ["job_name", "a\nb", String.raw`"a\nb"`, "or remove it to keep pgbouncer"],
    ["toString", "1", "unknown setting", ""],
  ])("refuses %s = %s", (key, value, found, fix) => {
    const { problems } = mergePgBouncerSettings({ preset: {}, user: { [key]: value } });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ path: `pgbouncer.${key}` });
    expect(problems[0]?.found).toContain(found);
    expect(problems[0]?.fix).toContain(fix);
  });

  it.each([
    ["a list with options", "search_path, options", "search_path, options"],
    ["what the exporter sends, alone", "extra_float_digits", "extra_float_digits"],
    ["no list", "", ""],
  ])("lets PgBouncer swallow %s", (_, value, written) => {
    const { settings, problems } = mergePgBouncerSettings({
      preset: {},
      user: { ignore_startup_parameters: value },
    });
    expect(problems).toEqual([]);
    expect(settings.ignore_startup_parameters).toBe(written);
  });

  it("takes a switch as PgBouncer writes it", () => {
    const user = { application_name_add_host: false, tcp_keepalive: true };
    const { settings } = mergePgBouncerSettings({ preset: {}, user });
    expect(settings).toMatchObject({ application_name_add_host: "0", tcp_keepalive: "1" });
  });

  it("says what holds in the place of a setting that is fixed or withheld", () => {
    const user = { listen_port: 5432, auth_user: "eve" };
    expect(mergePgBouncerSettings({ preset: {}, user }).problems).toMatchObject([
      { allowed: expect.stringMatching(/^6432 /) },
      { allowed: expect.stringMatching(/^nothing: the kit writes the userlist/) },
    ]);
  });

  it("tells all problems at once", () => {
    const { problems } = mergePgBouncerSettings({ preset: { pool_mode: "x" }, user: { a: 1, verbose: 9 } });
    expect(problems.map((problem) => problem.path)).toEqual([
      "pgbouncer.pool_mode",
      "pgbouncer.a",
      "pgbouncer.verbose",
    ]);
  });
});

describe("the layers", () => {
  it.each(Object.entries({ ...defaultSettings, ...forcedSettings }))(
    "%s = %s is a setting with such a value",
    (key, value) => {
      const setting = pgbouncerSettings[key];
      expect(setting && isAllowed(setting.kind, value)).toBe(true);
    },
  );

  it("withhold TLS to a Postgres that has none: new server connections would all be refused", () => {
    const { problems } = mergePgBouncerSettings({ preset: {}, user: { server_tls_sslmode: "require" } });
    expect(problems).toMatchObject([{ path: "pgbouncer.server_tls_sslmode" }]);
  });

  it("withhold only settings that exist and that nobody forces", () => {
    for (const key of Object.keys(withheldSettings)) {
      expect(pgbouncerSettings).toHaveProperty(key);
      expect({ ...defaultSettings, ...forcedSettings }).not.toHaveProperty(key);
    }
  });
});

describe("the table of settings", () => {
  it("dates every setting that PgBouncer's changelog or an old manual names, and no other", () => {
    const undated = Object.entries(pgbouncerSettings).filter(([, { since }]) => since === "");
    expect(undated.map(([name]) => name)).toEqual(["conffile", "job_name", "stats_period", "verbose"]);
  });
});

describe("sameValue", () => {
  it.each([
    [{ type: "seconds", max: 1e9 }, "1000000", "1e+06", true],
    [{ type: "seconds", max: 1e9 }, "5", "5.5", false],
    [{ type: "octal" }, "0777", "511", true],
    [{ type: "octal" }, "0770", "511", false],
    [{ type: "integer", min: 0, max: 9, unit: "" }, "5", "6", false],
    [{ type: "text" }, "", "0", false],
  ] as const)("%j: %s shown as %s", (kind, written, shown, same) => {
    expect(sameValue(kind, written, shown)).toBe(same);
  });
});
