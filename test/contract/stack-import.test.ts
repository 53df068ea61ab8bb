import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseState, withCreatesSettled } from "../../cli/stack-state.ts";

const hasPulumi = spawnSync("pulumi", ["version"]).status === 0;

/** A state as an `up` leaves it that was killed while it made the successor of a container it had deleted. */
const stackUrn = "urn:pulumi:dev::poolkit::pulumi:pulumi:Stack::poolkit-dev";
const engine = {
  urn: "urn:pulumi:dev::poolkit::pulumi:providers:docker::engine",
  ...{ type: "pulumi:providers:docker", custom: true, parent: stackUrn },
  ...{ id: "6d7b1d9c-8d6b-4f7e-9d0e-3a4a5d0c1c11", inputs: {}, outputs: {} },
};
const custom = { custom: true, parent: stackUrn, provider: `${engine.urn}::${engine.id}` };
const type = "docker:index/container:Container";
const app = { ...custom, urn: `urn:pulumi:dev::poolkit::${type}::app-server`, type, inputs: { name: "a" } };
const dependent = {
  ...app,
  urn: `urn:pulumi:dev::poolkit::${type}::other`,
  id: "other",
  dependencies: [app.urn],
};
const killed = {
  version: 3,
  deployment: {
    resources: [
      { urn: stackUrn, type: "pulumi:pulumi:Stack", custom: false },
      engine,
      { ...app, id: "former", outputs: {}, pendingReplacement: true },
      dependent,
    ],
    pending_operations: [{ type: "creating", resource: app }],
  },
};

describe.skipIf(!hasPulumi)("Pulumi", () => {
  const folder = mkdtempSync(join(tmpdir(), "poolkit-import-"));
  const pulumi = (args: readonly string[], input?: string) =>
    execFileSync("pulumi", [...args, "--stack", "dev", "--non-interactive"], {
      cwd: folder,
      input,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...process.env,
        PULUMI_BACKEND_URL: `file://${join(folder, "state")}?metadata=skip`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
        PULUMI_STACK: undefined,
      },
    });

  beforeAll(() => {
    mkdirSync(join(folder, "state"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: poolkit\nruntime: nodejs\n");
    pulumi(["stack", "init"]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["had made the successor", new Map([[app.urn, "successor"]]), "successor"],
    ["had made nothing", new Map<string, string>(), "former"],
  ])("takes the mended state of a killed replacement that %s", (_what, made, id) => {
    pulumi(["stack", "import"], JSON.stringify(withCreatesSettled(parseState(JSON.stringify(killed)), made)));
    const { deployment } = parseState(pulumi(["stack", "export"]));
    expect(deployment.resources?.map((one) => [one.urn, one.id])).toEqual([
      [stackUrn, undefined],
      [engine.urn, engine.id],
      [app.urn, id],
      [dependent.urn, "other"],
    ]);
    expect(deployment.pending_operations ?? []).toEqual([]);
  });
});
