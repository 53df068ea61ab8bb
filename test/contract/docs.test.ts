import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ADVISED_SETTINGS } from "../../app/health/health-causes.ts";
import { tables, withTable } from "../../docs/tables.ts";
import { overrideTable } from "../../infra/overrides.ts";
import { defaultPorts, presetNames } from "../../infra/presets.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

describe("documentation", () => {
  it.each(Object.entries(tables))(
    "table %s equals the code (else: npm run docs)",
    (name, { file, render }) => {
      expect(read(file)).toBe(withTable(read(file), name, render()));
    },
  );

  it("describes every configuration key of Pulumi.yaml, with type and default", () => {
    const keys: [string, { type?: string; description?: string; default?: unknown }][] = Object.entries(
      parse(read("Pulumi.yaml")).config,
    );
    for (const [key, declared] of keys) {
      expect(declared.type, key).toBeDefined();
      expect(declared.description?.length, key).toBeGreaterThan(20);
      expect(declared.default, key).toBeDefined();
      expect(read("docs/configuration.md"), key).toContain(`\`${key}\``);
    }
    expect(keys.length).toBeGreaterThan(5);
  });

  it("names only outputs that the program has in the stack's README", () => {
    const exported = [...read("infra/index.ts").matchAll(/^export const \{?([^}=]+)\}? =/gm)].flatMap(
      ([, names]) => (names ?? "").split(",").map((name) => name.trim()),
    );
    const used = [...read("Pulumi.README.md").matchAll(/\$\{outputs\.(\w+)\}/g)].map(([, name]) => name);
    expect(used.length).toBeGreaterThan(0);
    expect(exported).toEqual(expect.arrayContaining(used));
  });

  it("advises only on settings that the stack's configuration has", () => {
    const known = overrideTable().map(({ name }) => name);
    const advised = Object.values(ADVISED_SETTINGS).flatMap(({ override }) => override ?? []);
    expect(known).toEqual(expect.arrayContaining(advised));
    expect(advised.length).toBeGreaterThan(5);
  });

  it.each([
    "README.md",
    "CONTRIBUTING.md",
    "AGENTS.md",
    "SECURITY.md",
    "docs/application.md",
    "docs/configuration.md",
    "docs/doctor.md",
    "docs/health.md",
    "docs/observability.md",
    "docs/metrics.md",
    "docs/operations.md",
    "docs/page.md",
    "docs/sizing.md",
    "docs/architecture.md",
    "docs/database-layer.md",
    "docs/your-own-application.md",
    "examples/express-pg/README.md",
  ])("%s links only to files that exist", (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? "");
    const missing = links.filter((link) => !existsSync(join(root, dirname(file), link)));
    expect(missing).toEqual([]);
  });
});

it("gives each stack in git ports of its own, so that all three fit on one engine", () => {
  const stacks = presetNames.map((name) => parse(read(`Pulumi.${name}.yaml`)).config);
  expect(stacks.map((config) => config["poolkit:preset"])).toEqual(presetNames);
  const ports = stacks.flatMap((config) => Object.values(config["poolkit:ports"] ?? defaultPorts));
  expect(new Set(ports).size).toBe(12);
});
