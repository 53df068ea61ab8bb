import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MODULE = join(import.meta.dirname, "../../toolchain/lib/hand-over.mjs");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "poolkit hand-over-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A process that hands over to `script`, in the environment of `environment` when there is one. */
function handOver(script: string, args: string[], environment?: string): ChildProcess {
  writeFileSync(join(folder, "script.mjs"), script);
  if (environment !== undefined) writeFileSync(join(folder, "env"), environment);
  const target = {
    root: folder,
    node: process.execPath,
    environment: environment === undefined ? undefined : join(folder, "env"),
    args: ["script.mjs", ...args],
  };
  const main = `import { handOver } from ${JSON.stringify(MODULE)};
    process.exitCode = await handOver(${JSON.stringify(target)});`;
  return spawn(process.execPath, ["--input-type=module", "-e", main], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  return { code, output };
}

describe("handing over", { timeout: 30_000 }, () => {
  it("passes arguments and the exit code through, with and without an environment file", async () => {
    const script = "console.log(process.env.FROM_FILE, ...process.argv.slice(2)); process.exitCode = 7;";
    expect(await outcome(handOver(script, ["a b", "$x"], "export FROM_FILE='it works'"))).toEqual({
      code: 7,
      output: "it works a b $x\n",
    });
    expect(await outcome(handOver(script, ["c"]))).toEqual({ code: 7, output: "undefined c\n" });
  });

  it("ends like a script that a signal ended", async () => {
    expect(
      (await outcome(handOver('process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 20_000);', [])))
        .code,
    ).toBe(137);
  });

  it.each<NodeJS.Signals>(["SIGTERM", "SIGINT"])("lets the script decide what %s means", async (signal) => {
    const script = `process.on(${JSON.stringify(signal)}, () => process.exit(9)); console.log("ready"); setTimeout(() => {}, 20_000);`;
    const child = handOver(script, []);
    if (child.stdout) await once(child.stdout, "data");
    child.kill(signal);
    expect((await outcome(child)).code).toBe(9);
  });
});
