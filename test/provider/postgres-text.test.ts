import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  hbaProblems,
  parseConf,
  parseHba,
  renderConf,
  renderHba,
  settingProblems,
} from "../../provider/resources/postgres-files.ts";
import { runsAsWritten } from "../../provider/resources/postgres-values.ts";

describe("runsAsWritten", () => {
  it.each([
    ["128MB", "16384", "8kB", "integer", true],
    ["1GB", "131072", "8kB", "integer", true],
    ["16384", "16384", "8kB", "integer", true],
    ["128MB", "16385", "8kB", "integer", false],
    ["1min", "60", "s", "integer", true],
    ["1min", "60000", "ms", "integer", true],
    ["1.5s", "1500", "ms", "integer", true],
    ["90s", "2", "min", "integer", true],
    ["0", "0", null, "integer", true],
    // As PostgreSQL 18 shows what was set: first rounded to the next smaller unit, a half to the even neighbour.
    ["0.3GB", "314368", "kB", "integer", true],
    ["0.3GB", "39296", "8kB", "integer", true],
    ["1.1GB", "1153024", "kB", "integer", true],
    ["0.3GB", "314573", "kB", "integer", false],
    ["1000.5kB", "1000", "kB", "integer", true],
    ["20kB", "2", "8kB", "integer", true],
    ["28kB", "4", "8kB", "integer", true],
    ["2500us", "2", "ms", "integer", true],
    ["1.5", "2", "ms", "integer", true],
    ["1e3kB", "1000", "kB", "integer", true],
    [".5", "0.5", null, "real", true],
    ["1.", "1", null, "real", true],
    ["1e1", "10", null, "real", true],
    [".002s", "2", "ms", "real", true],
    ["1500us", "1.5", "ms", "real", true],
    ["20", "30", null, "integer", false],
    ["0.9", "0.9", null, "real", true],
    ["0.9", "0.90001", null, "real", false],
    ["yes", "on", null, "bool", true],
    ["off", "on", null, "bool", false],
    ["SCRAM-SHA-256", "scram-sha-256", null, "enum", true],
    ["a, b", "a,b", null, "string", true],
    ["a", "b", null, "string", false],
    ["many", "16384", "8kB", "integer", false],
  ])("%s shown as %s (%s, %s): %s", (written, setting, unit, vartype, same) => {
    expect(runsAsWritten(written, { name: "x", setting, unit, vartype })).toBe(same);
  });
});

describe("poolkit.conf", () => {
  const key = fc.stringMatching(/^[a-z_][a-z0-9_]{0,20}$/).filter((name) => !name.startsWith("include"));
  const value = fc
    .string({ unit: fc.oneof(fc.constantFrom(..."'\\\"#=; "), fc.string({ minLength: 1, maxLength: 1 })) })
    .filter((text) => text === text.trim() && !/\p{Cc}/u.test(text));

  it("is read back as it was written, whatever stands in the values", () => {
    fc.assert(
      fc.property(fc.dictionary(key, value), (settings) => {
        expect(settingProblems(settings, [])).toEqual([]);
        expect(parseConf(renderConf(settings))).toEqual(settings);
      }),
      { numRuns: 500 },
    );
  });

  it("is sorted and ends with one newline", () => {
    expect(renderConf({ work_mem: "4MB", fsync: "it's" })).toBe("fsync = 'it''s'\nwork_mem = '4MB'\n");
  });

  it.each([
    ["work_mem = 4MB", { work_mem: "4MB" }],
    ["work_mem 4MB # small", { work_mem: "4MB" }],
    ["\twork_mem='4MB'", { work_mem: "4MB" }],
    ["# work_mem = 4MB", {}],
    ["include '/x'", { include: "/x" }],
    ["nonsense", { "line 1": "nonsense" }],
  ])("shows a hand-written line %j", (line, settings) => {
    expect(parseConf(`${line}\n`)).toEqual(settings);
  });
});

describe("pg_hba.conf", () => {
  it("is read back without comments", () => {
    const lines = ["local all all trust", "host all all 0.0.0.0/0 scram-sha-256"];
    expect(renderHba(lines)).toBe(`${lines.join("\n")}\n`);
    expect(parseHba(`# by hand\n\n${renderHba(lines)}`)).toEqual(lines);
  });

  it.each([
    ["include /x"],
    ["host all all all trust\nhost all all all reject"],
    ["# comment"],
    [""],
    ["hostx all"],
  ])("refuses %j", (line) => {
    expect(hbaProblems(["local all all trust", line], ["hba"]).map(({ path }) => path)).toEqual([["hba", 1]]);
  });
});
