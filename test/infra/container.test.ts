import { describe, expect, it, vi } from "vitest";
import { STOP_TIMEOUT_SECONDS } from "../../infra/container.ts";
import { type PresetName, presets } from "../../infra/presets.ts";
import { type Registered, registeredResources } from "../support/program.ts";

async function containersOf(config: Record<string, string>): Promise<Registered[]> {
  // The program runs when it is loaded.
  vi.resetModules();
  const required = { "poolkit:preset": "dev", "poolkit:secretSeed": "s".repeat(40) };
  const registered = await registeredResources({ ...required, ...config });
  return registered.filter(({ type }) => type === "docker:index/container:Container");
}

describe("containers", () => {
  it("get from the engine the time to stop that they get from a deploy, the same in every preset", async () => {
    const containers = await containersOf({ "poolkit:observability": "true" });
    expect(containers.length).toBeGreaterThan(4);
    for (const { name, inputs } of containers) {
      expect(inputs.stopTimeout, name).toBe(STOP_TIMEOUT_SECONDS);
      expect(Number(inputs.destroyGraceSeconds), name).toBeLessThanOrEqual(STOP_TIMEOUT_SECONDS);
    }
  });

  it("are started again also after a signal, for which the engine would take `unless-stopped` back", async () => {
    const containers = await containersOf({ "poolkit:observability": "true" });
    expect(containers.length).toBeGreaterThan(4);
    for (const { name, inputs } of containers) expect(inputs.restart, name).toBe("always");
  });

  it.each([
    ["SIGUSR2", "SIGTERM"],
    [undefined, undefined],
  ])(
    "of an own application that reloads by %s are stopped by %s, whatever its image says",
    async (reloadSignal, stopSignal) => {
      const application = { image: "shop:1", reloadSignal };
      const containers = await containersOf({ "poolkit:application": JSON.stringify(application) });
      expect(containers.find(({ name }) => name === "app-server")?.inputs.stopSignal).toBe(stopSignal);
    },
  );

  it.each(Object.keys(presets) as PresetName[])("have the time that %s gives them", (preset) => {
    const { stopGraceSeconds, statementTimeoutSeconds, transactionTimeoutSeconds } = presets[preset];
    const longest = Math.max(stopGraceSeconds, statementTimeoutSeconds, transactionTimeoutSeconds);
    expect(longest + 5).toBeLessThanOrEqual(STOP_TIMEOUT_SECONDS);
  });
});
