import * as pulumi from "@pulumi/pulumi";
import { vi } from "vitest";

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

const seed = { "poolkit:secretSeed": "s".repeat(40) };
const own = { context: "examples/express-pg", dockerfile: "Dockerfile", port: 8080, uid: 1234 };
const reloading = { ...own, reloadSignal: "SIGHUP" };

/**
 * The forms of the program that together use every property: the reference application without and with Prometheus, and
 * an application of one's own with what only such a one has (its Dockerfile, its user, its labels; its stop signal where
 * it reloads).
 */
const forms = {
  reference: { ...seed, "poolkit:preset": "prod", "poolkit:observability": "false" },
  observed: { ...seed, "poolkit:preset": "prod", "poolkit:observability": "true" },
  own: { ...seed, "poolkit:preset": "dev", "poolkit:application": JSON.stringify(own) },
  reloading: { ...seed, "poolkit:preset": "dev", "poolkit:application": JSON.stringify(reloading) },
};

/** What the program registers in one of its forms. */
export function registeredForm(form: keyof typeof forms): Promise<Registered[]> {
  // The program runs when it is loaded.
  vi.resetModules();
  return registeredResources(forms[form]);
}

/** What it registers in all of them. */
export async function registeredForms(): Promise<Registered[]> {
  return [
    ...(await registeredForm("reference")),
    ...(await registeredForm("observed")),
    ...(await registeredForm("own")),
    ...(await registeredForm("reloading")),
  ];
}
