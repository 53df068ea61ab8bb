import { describe, expect, it } from "vitest";
import { applyOverrides, overrideNames, overrideRange } from "../../infra/overrides.ts";
import { pgbouncerPreset } from "../../infra/pooler-settings.ts";
import { presetNames, presets } from "../../infra/presets.ts";
import { mergePgBouncerSettings } from "../../pgbouncer/merge.ts";

describe.each(presetNames)("preset %s", (name) => {
  const preset = presets[name];

  it("is accepted by PgBouncer's table of settings", () => {
    expect(mergePgBouncerSettings({ preset: pgbouncerPreset(preset), user: {} }).problems).toEqual([]);
  });

  it("has every field open to poolkit:overrides", () => {
    expect(Object.keys(preset).sort()).toEqual(overrideNames.toSorted());
  });
});

describe("poolkit:overrides", () => {
  const ranges = overrideNames.flatMap((name) => {
    const range = overrideRange(name);
    return range === undefined ? [] : [{ name, min: range.min, max: range.max }];
  });

  it.each(ranges)("$name is from $min to $max, and PgBouncer takes both", ({ name, min, max }) => {
    for (const value of [min, max]) {
      const { values, problems } = applyOverrides(presets.dev, { [name]: value });
      expect(problems).toEqual([]);
      expect(values).toEqual({ ...presets.dev, [name]: value });
      expect(mergePgBouncerSettings({ preset: pgbouncerPreset(values), user: {} }).problems).toEqual([]);
    }
    for (const value of [min - 1, max + 1]) {
      const { values, problems } = applyOverrides(presets.dev, { [name]: value });
      expect(problems).toMatchObject([{ path: `poolkit:overrides.${name}`, found: String(value) }]);
      expect(values).toEqual(presets.dev);
    }
  });

  it("takes 0 only where it means none, not endless", () => {
    const none = ranges.filter(({ min }) => min === 0).map(({ name }) => name);
    expect(none).toEqual(["reservePoolSize", "retryBudgetSeconds"]);
  });

  it("has two switches, and every other is a number", () => {
    const switches = overrideNames.filter((name) => overrideRange(name) === undefined);
    expect(switches).toEqual(["enhancedPooling", "protectData"]);
    expect(overrideRange("toString")).toBeUndefined();
  });

  it.each([
    ["poolSize", 91, "a whole number from 1 to 90 (connections)", "5"],
    ["lockTimeoutSeconds", "5s", "a whole number from 1 to 86400 (seconds)", "10"],
    ["protectData", 1, "true or false", "false"],
  ])("says what %s may be, and a command that sets the preset's value", (name, value, allowed, preset) => {
    expect(applyOverrides(presets.dev, { [name]: value }).problems).toMatchObject([
      { allowed, fix: `pulumi config set --path poolkit:overrides.${name} ${preset}` },
    ]);
  });
});

it("keeps the guide's numbers", () => {
  const guide = presetNames.map((name) => {
    const { connectionLimit, poolTimeoutSeconds, enhancedPooling } = presets[name];
    return [name, connectionLimit, poolTimeoutSeconds, enhancedPooling];
  });
  expect(guide).toEqual([
    ["dev", 10, 30, false],
    ["prod", 20, 10, true],
    ["high-load", 50, 5, true],
  ]);
});
