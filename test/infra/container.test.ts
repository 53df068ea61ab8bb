import { describe, expect, it } from "vitest";
import { STOP_TIMEOUT_SECONDS } from "../../infra/container.ts";
import { type PresetName, presets } from "../../infra/presets.ts";
import { registeredResources } from "../support/program.ts";

describe("containers", () => {
  it("get from the engine the time to stop that they get from a deploy, the same in every preset", async () => {
    const registered = await registeredResources({
      "poolkit:preset": "dev",
      "poolkit:secretSeed": "s".repeat(40),
      "poolkit:observability": "true",
    });
    const containers = registered.filter(({ type }) => type === "docker:index/container:Container");
    expect(containers.length).toBeGreaterThan(4);
    for (const { name, inputs } of containers) {
      expect(inputs.stopTimeout, name).toBe(STOP_TIMEOUT_SECONDS);
      expect(Number(inputs.destroyGraceSeconds), name).toBeLessThanOrEqual(STOP_TIMEOUT_SECONDS);
    }
  });

  it.each(Object.keys(presets) as PresetName[])("have the time that %s gives them", (preset) => {
    const { stopGraceSeconds, statementTimeoutSeconds, transactionTimeoutSeconds } = presets[preset];
    const longest = Math.max(stopGraceSeconds, statementTimeoutSeconds, transactionTimeoutSeconds);
    expect(longest + 5).toBeLessThanOrEqual(STOP_TIMEOUT_SECONDS);
  });
});
