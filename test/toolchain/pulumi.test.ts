import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { officialCli, officialPlugin, whyNotReachable } from "../../toolchain/pulumi/official.mjs";
import { pulumiOnPath } from "../../toolchain/pulumi/on-path.mjs";
import { cliProgram, dockerProgram, findGo, pinnedCliVersion } from "../../toolchain/pulumi/registry.mjs";
import { readStamp, stampInputs, writeStamp } from "../../toolchain/pulumi/stamp.mjs";
import { readWanted, requiredRange } from "../../toolchain/pulumi/wanted.mjs";

const ROOT = join(import.meta.dirname, "../..");
const RANGE = ">=3.249.0 <4.0.0";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "poolkit-pulumi-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** An executable shell script at a path below the test's folder. */
function script(path: string, body: string): string {
  const full = join(folder, path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, `#!/bin/sh\n${body}\n`);
  chmodSync(full, 0o755);
  return full;
}

const onPath = (...folders: string[]) =>
  pulumiOnPath({ PATH: [...folders.map((name) => join(folder, name)), "/usr/bin", "/bin"].join(":") }, RANGE);

describe("the user's own pulumi", () => {
  it("is taken when it is in the range and has its language host", async () => {
    const binary = script("bin/pulumi", "echo v3.300.1");
    script("bin/pulumi-language-nodejs", "");
    expect(await onPath("bin")).toEqual({ binary, version: "3.300.1" });
  });

  it("may be a link to a folder that has the language host", async () => {
    script("opt/pulumi", "echo v3.300.1");
    script("opt/pulumi-language-nodejs", "");
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(folder, "opt/pulumi"), join(folder, "bin/pulumi"));
    expect(await onPath("bin")).toHaveProperty("binary", join(folder, "bin/pulumi"));
  });

  it.each([
    ["too old", "echo v3.100.0", true, "needed: >=3.249.0 <4.0.0"],
    ["too new", "echo v4.0.0", true, "is 4.0.0"],
    ["without a language host", "echo v3.300.0", false, "has no pulumi-language-nodejs"],
    ["broken", "exit 3", true, "version failed"],
  ])("is not taken when %s", async (_name, body, host, reason) => {
    script("bin/pulumi", body);
    if (host) script("bin/pulumi-language-nodejs", "");
    expect(await onPath("bin")).toEqual({ reason: expect.stringContaining(reason) });
  });

  it("is neither npm's launcher nor what set-up has placed", async () => {
    script("pulumi-package/node_modules/pulumi/run.js", "echo v3.300.0");
    mkdirSync(join(folder, "modules-bin"));
    symlinkSync(
      join(folder, "pulumi-package/node_modules/pulumi/run.js"),
      join(folder, "modules-bin/pulumi"),
    );
    script("checkout/.poolkit/bin/pulumi", "echo v3.300.0");
    expect(await onPath("modules-bin", "checkout/.poolkit/bin")).toEqual({ reason: "no pulumi on PATH" });
  });
});

describe("whether the official downloads can be reached", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function site(answer: RequestListener): Promise<string> {
    const server = createServer(answer).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/install.sh`;
  }

  it("is yes when the site answers", async () => {
    const target = { site: await site((_request, response) => response.end()), limitMs: 20_000 };
    expect(await whyNotReachable(process.execPath, target)).toBeUndefined();
  });

  it("is no after the limit when it swallows requests", async () => {
    const target = { site: await site(() => undefined), limitMs: 200 };
    expect(await whyNotReachable(process.execPath, target)).toBe("no answer in time");
  });

  it("is no at once when it refuses", async () => {
    const target = { site: await site(() => undefined), limitMs: 20_000 };
    servers[0]?.close();
    expect(await whyNotReachable(process.execPath, target)).toBe("out of reach");
  });
});

describe("the official download", () => {
  const download = () => ({
    cache: join(folder, "cache"),
    root: join(folder, "checkout"),
    env: { PATH: process.env.PATH, HOME: folder },
    node: process.execPath,
    onLong: () => undefined,
  });
  /** npm's launcher, as far as set-up relies on it. */
  const LAUNCHER = `
    const fs = require("node:fs"), path = require("node:path");
    const bin = path.join(process.env.PULUMI_HOME, "versions", process.env.PULUMI_VERSION, "bin");
    fs.mkdirSync(bin, { recursive: true });
    fs.writeFileSync(path.join(bin, "pulumi"), fs.readFileSync(path.join(__dirname, "cli")), { mode: 0o755 });`;
  const CLI = `#!/bin/sh
[ "$1 $2 $3 $4 $5" = "plugin install resource docker 5.2.0" ] || exit 1
folder="$PULUMI_HOME/plugins/resource-docker-v5.2.0"
mkdir -p "$folder" && cp "$0" "$folder/pulumi-resource-docker"`;

  beforeEach(() => {
    const launcher = join(folder, "checkout/node_modules/pulumi");
    mkdirSync(launcher, { recursive: true });
    writeFileSync(join(launcher, "run.js"), LAUNCHER);
    writeFileSync(join(launcher, "cli"), CLI);
  });

  it("comes through npm's launcher, once", async () => {
    const first = await officialCli(download(), "3.259.0");
    const second = await officialCli(download(), "3.259.0");
    expect([first.built, second.built]).toEqual([true, false]);
    expect(second.binary).toBe(first.binary);
  });

  it("brings the plugins through the CLI", async () => {
    const { binary } = await officialCli(download(), "3.259.0");
    const plugin = await officialPlugin(download(), binary, { name: "docker", version: "5.2.0" });
    expect(plugin.built).toBe(true);
    expect(plugin.executable).toMatch(/pulumi-resource-docker$/);
  });

  it("that fails is explained and leaves nothing", async () => {
    writeFileSync(
      join(folder, "checkout/node_modules/pulumi/run.js"),
      'console.error("HTTP 503"); process.exit(1);',
    );
    await expect(officialCli(download(), "3.259.0")).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
      found: "HTTP 503",
    });
  });
});

describe("the registries' fallback", () => {
  it("has the CLI version that npm's launcher asks for, in the range of Pulumi.yaml", () => {
    expect(pinnedCliVersion(ROOT)).toBe(readWanted(ROOT).cliVersion);
  });

  it("names the versions that the engine will ask for", () => {
    expect(cliProgram("3.259.0").flags.join(" ")).toContain("version.Version=v3.259.0");
    expect(dockerProgram("5.2.0").flags.join(" ")).toContain("main.version=5.2.0");
  });

  it.each([
    ["too old", "echo go version go1.21.3 linux/amd64", "go1.21.3"],
    ["broken", "exit 1", "does not start"],
  ])("says when Go is %s", async (_name, body, found) => {
    script("bin/go", body);
    await expect(findGo({ PATH: join(folder, "bin") })).rejects.toMatchObject({
      code: "GO_ABSENT",
      found: expect.stringContaining(found),
    });
  });
});

describe("requiredRange", () => {
  it.each([
    ['name: x\nrequiredPulumiVersion: ">=3.249.0 <4.0.0"\nruntime: nodejs', ">=3.249.0 <4.0.0"],
    ["requiredPulumiVersion: '>=3.250.0' # why", ">=3.250.0"],
    ["requiredPulumiVersion: >=3.250.0", ">=3.250.0"],
    ["name: x\n# requiredPulumiVersion: 1", ">=3.249.0"],
  ])("%j", (text, expected) => {
    expect(requiredRange(text)).toBe(expected);
  });
});

describe("the noted toolchain", () => {
  it("holds while the inputs and the files are the same", () => {
    const cli = script("cli", "echo 1");
    const toolchain = { source: "path" as const, cli, version: "3.300.0", plugins: {} };
    const wanted = { range: RANGE, cliVersion: "3.259.0", plugins: [] };
    const inputs = stampInputs(folder, {}, wanted);
    expect(readStamp(folder, inputs)).toBeUndefined();
    writeStamp(folder, inputs, toolchain);
    expect(readStamp(folder, inputs)).toEqual(toolchain);
    expect(readStamp(folder, stampInputs(folder, { POOLKIT_TOOLCHAIN: "registry" }, wanted))).toBeUndefined();
    expect(readStamp(folder, stampInputs(folder, {}, { ...wanted, range: ">=3.300.0" }))).toBeUndefined();
    script("cli", "echo longer than before");
    expect(readStamp(folder, inputs)).toBeUndefined();
    rmSync(cli);
    expect(readStamp(folder, inputs)).toBeUndefined();
  });
});
