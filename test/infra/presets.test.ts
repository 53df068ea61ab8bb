import { describe, expect, it } from "vitest";
import { overrideNames } from "../../infra/overrides.ts";
import { pgbouncerPreset } from "../../infra/pooler-settings.ts";
import { presetNames, presets, restartOnlyLimits } from "../../infra/presets.ts";
import { mergePgBouncerSettings } from "../../pgbouncer/merge.ts";

describe.each(presetNames)("preset %s", (name) => {
  const preset = presets[name];

  it("is accepted by PgBouncer's table of settings", () => {
    expect(mergePgBouncerSettings({ preset: pgbouncerPreset(preset), user: {} }).problems).toEqual([]);
  });

  it("fits Postgres: hard cap of server connections below max_connections less the reserved slots", () => {
    const slots = restartOnlyLimits.postgresMaxConnections - restartOnlyLimits.superuserReservedConnections;
    expect(preset.maxDatabaseConnections).toBeLessThan(slots);
    expect(preset.poolSize + preset.reservePoolSize).toBeLessThanOrEqual(preset.maxDatabaseConnections);
  });

  it("fits PgBouncer's descriptors", () => {
    const descriptors = preset.maxClientConnections + 10 + preset.maxDatabaseConnections + 100;
    expect(descriptors).toBeLessThan(restartOnlyLimits.pgbouncerOpenFiles);
  });

  it("nests its timeouts: connect < queue, lock < statement <= transaction <= idle in transaction", () => {
    expect(preset.serverConnectTimeoutSeconds).toBeLessThanOrEqual(preset.queryWaitTimeoutSeconds);
    expect(preset.reservePoolTimeoutSeconds).toBeLessThan(preset.queryWaitTimeoutSeconds);
    expect(preset.lockTimeoutSeconds).toBeLessThan(preset.statementTimeoutSeconds);
    expect(preset.statementTimeoutSeconds).toBeLessThanOrEqual(preset.transactionTimeoutSeconds);
    expect(preset.transactionTimeoutSeconds).toBeLessThan(preset.idleInTransactionTimeoutSeconds);
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
