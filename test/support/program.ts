import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/**
 * Runs the whole Pulumi program against mocks and returns what it registers. Mocks see inputs, not options; the engine
 * and the plugins are tested for real in test/e2e.
 */
export async function registeredResources(
  config: Record<string, string>,
  onRegistered: (resource: Registered) => void = () => {},
): Promise<Registered[]> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        registered.push({ type, name, inputs });
        onRegistered({ type, name, inputs });
        return {
          id: `${name}-id`,
          state: { ...inputs, imageId: `sha256:${name}`, sha256: "0", revision: "0" },
        };
      },
      call: () => ({ problems: [], engineVersion: "29.0.0" }),
    },
    "poolkit",
    "dev",
    false,
  );
  pulumi.runtime.setAllConfig(config, ["poolkit:secretSeed"]);
  const program: Record<string, unknown> = await import("../../infra/index.ts");
  const outputs: pulumi.Input<unknown>[] = Object.values(program);
  await Promise.all(outputs.map((output) => new Promise((resolve) => pulumi.all([output]).apply(resolve))));
  await pulumi.runtime.disconnect();
  return registered;
}
