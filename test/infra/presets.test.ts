import { describe, expect, it } from "vitest";
import { overrideNames } from "../../infra/overrides.ts";
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
