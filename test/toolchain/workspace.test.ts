import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Toolchain } from "../../toolchain/pulumi/pulumi.mjs";
import { writeWorkspace } from "../../toolchain/workspace/workspace.mjs";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "poolkit it's a checkout-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** An executable that says its own name, its arguments and where its node comes from. */
function program(name: string): string {
  const path = join(root, "cache", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "${name} $* $(command -v node)"\n`);
  chmodSync(path, 0o755);
  return path;
}

function toolchain(source: Toolchain["source"]): Toolchain {
  const plugin = { executable: program("docker plugin"), version: "5.2.0", source: "registry" as const };
  return { source, cli: program("cli"), version: "3.300.0", plugins: { docker: plugin } };
}

const write = (chosen: Toolchain) =>
  writeWorkspace({
    root,
    node: process.execPath,
    toolchain: chosen,
    engine: undefined,
    launcherVersion: "3.259.0",
  });
const inside = (path: string) => join(root, ".poolkit", path);
const mode = (path: string) => statSync(inside(path)).mode & 0o777;

const LAUNCHED = "pulumi-home/versions/3.259.0/bin/pulumi";
const HOST = "pulumi-home/versions/3.259.0/bin/pulumi-language-nodejs";
const PLUGIN = "pulumi-home/plugins/resource-docker-v5.2.0/pulumi-resource-docker";

describe("the workspace of a checkout", () => {
  it("keeps its passphrase, readable for nobody else", async () => {
    await write(toolchain("path"));
    const passphrase = readFileSync(inside("passphrase"), "utf8");
    expect(passphrase).toMatch(/^[\w-]{43}$/);
    expect([mode("passphrase"), mode("state")]).toEqual([0o600, 0o700]);
    await write(toolchain("registry"));
    expect(readFileSync(inside("passphrase"), "utf8")).toBe(passphrase);
  });

  it("has the plugin in a real folder of exactly its version, and no other version", async () => {
    mkdirSync(inside("pulumi-home/plugins/resource-docker-v5.1.0"), { recursive: true });
    mkdirSync(inside("pulumi-home/plugins/resource-dockerish-v1.0.0"), { recursive: true });
    await write(toolchain("registry"));
    expect(lstatSync(dirname(inside(PLUGIN))).isDirectory()).toBe(true);
    expect(existsSync(inside("pulumi-home/plugins/resource-docker-v5.1.0"))).toBe(false);
    expect(existsSync(inside("pulumi-home/plugins/resource-dockerish-v1.0.0"))).toBe(true);
  });

  it("starts plugins with this Node, whatever the caller's PATH is", async () => {
    await write(toolchain("registry"));
    const output = execFileSync(inside(PLUGIN), ["a b", "c"], {
      env: { PATH: "/usr/bin:/bin" },
      encoding: "utf8",
    });
    expect(output.trim()).toBe(`docker plugin a b c ${join(dirname(process.execPath), "node")}`);
  });

  it("puts a compiled CLI beside the language host, as a file of that folder", async () => {
    await write(toolchain("registry"));
    expect(lstatSync(inside(LAUNCHED)).isFile()).toBe(true);
    expect(readFileSync(inside(HOST), "utf8")).toContain(
      "toolchain/plugins/nodejs/pulumi-language-nodejs.mjs",
    );
    expect(readFileSync(inside("bin/pulumi"), "utf8")).toContain("cli");
  });

  it("links an official CLI and leaves it its own language host", async () => {
    await write(toolchain("registry"));
    await write(toolchain("path"));
    expect(lstatSync(inside(LAUNCHED)).isSymbolicLink()).toBe(true);
    expect(existsSync(inside(HOST))).toBe(false);
  });
});
