import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { budgetOf } from "../../infra/budget/budget.ts";
import { holds } from "../../infra/budget/check.ts";
import type { SizingInput } from "../../infra/sizing.ts";
import {
  badConfigurations,
  input,
  overrides,
  sensibleConfigurations,
  unsafePairs,
} from "../support/configurations.ts";
import { registeredResources } from "../support/program.ts";

process.chdir(join(import.meta.dirname, "../.."));
beforeEach(() => {
  // The program is its modules' top level: it runs once per import.
  vi.resetModules();
});

function configOf({ presetName, databaseName, ...objects }: SizingInput): Record<string, string> {
  const entries = Object.entries(objects).map(([key, value]) => [`poolkit:${key}`, JSON.stringify(value)]);
  return {
    "poolkit:preset": presetName,
    "poolkit:databaseName": databaseName,
    "poolkit:secretSeed": "s".repeat(40),
    ...Object.fromEntries(entries),
  };
}

/** What the program warns of; the modules are new for every test, and so is the log. */
async function warningsOf(wanted: SizingInput) {
  const { log } = await import("@pulumi/pulumi");
  const warned = vi.spyOn(log, "warn").mockResolvedValue(undefined);
  const registered = await registeredResources(configOf(wanted));
  return { registered, warnings: warned.mock.calls.map(([text]) => text) };
}

describe("the whole program runs", () => {
  it.each(sensibleConfigurations)("without a warning: %s", async (_what, wanted) => {
    const { registered, warnings } = await warningsOf(wanted);
    expect(warnings).toEqual([]);
    expect(registered.length).toBeGreaterThan(20);
  });

  it.each(unsafePairs)("with a warning: %s", async (_what, wanted, path, says) => {
    const { warnings } = await warningsOf(wanted);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`\n  poolkit:${path}\n    found    `);
    expect(warnings[0]).toContain(says);
  });
});

describe("the whole program deploys what the account counts", () => {
  it.each([
    ["prod", input()],
    [
      "a long transaction",
      overrides({ transactionTimeoutSeconds: 60, idleInTransactionTimeoutSeconds: 70, stopGraceSeconds: 90 }),
    ],
    ["copies elsewhere", input({ budget: { otherReplicas: 2 } })],
  ])("%s", async (_what, wanted) => {
    const { budget } = budgetOf(wanted);
    const { registered } = await warningsOf(wanted);
    const inputsOf = (name: string) => registered.find((resource) => resource.name === name)?.inputs;
    expect(inputsOf("database-app")?.connectionLimit).toBe(budget.roleLimits.application);
    expect(inputsOf("database-monitor")?.connectionLimit).toBe(budget.roleLimits.monitor);
    const stop = budget.checks.find(({ id }) => id === "pooler-stop");
    expect(stop?.right).toEqual([
      { what: "PgBouncer's stop", value: inputsOf("pooler-server")?.destroyGraceSeconds },
    ]);
    expect(stop?.right[0]?.value).toBe(inputsOf("pooler-config")?.restartGraceSeconds);
    expect(stop && holds(stop)).toBe(true);
  });
});

describe("the whole program refuses, before it registers a resource,", () => {
  it.each(badConfigurations)("%s", async (_what, wanted, path, says) => {
    const registered: string[] = [];
    const program = registeredResources(configOf(wanted), ({ name }) => registered.push(name));
    const refused = await program.then(
      () => "accepted",
      (error: unknown) => String(error),
    );
    expect(refused).toMatch(
      /problems? with the configuration of stack "dev"; nothing was created or changed/,
    );
    expect(refused).toContain(`\n  poolkit:${path}\n    found    `);
    expect(refused).toContain(says);
    expect(refused).toMatch(
      /\n {4}allowed {2}.+\n {4}fix {6}(?:give the machine \d+ MiB, then )?pulumi config (set|rm) /,
    );
    expect(registered).toEqual([]);
  });
});
