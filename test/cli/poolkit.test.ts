import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderEnvFile } from "../../toolchain/workspace/env-file.mjs";

const command = join(import.meta.dirname, "../../cli/poolkit.js");

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "poolkit checkouts-")));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A checkout whose command does what `main` says. */
function checkout(name: string, { main = "", isSetUp = true } = {}): string {
  const root = join(folder, name);
  mkdirSync(join(root, "cli"), { recursive: true });
  mkdirSync(join(root, ".poolkit"));
  copyFileSync(command, join(root, "cli/poolkit.js"));
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  const says = `console.log(JSON.stringify([process.env.PULUMI_BACKEND_URL, ...process.argv.slice(2)]));`;
  writeFileSync(join(root, "cli/main.ts"), `${main}\n${says}\n`);
  if (isSetUp) writeEnvironment(root);
  return root;
}

function writeEnvironment(root: string): void {
  writeFileSync(join(root, ".poolkit/env"), renderEnvFile({ root, closedNetwork: false, engine: undefined }));
}

const backendOf = (root: string) => `file://${encodeURI(join(root, ".poolkit/state"))}?metadata=skip`;
/** What a shell has that sourced the environment of `root`. */
const shellOf = (root: string) => ({
  POOLKIT_CHECKOUT: root,
  POOLKIT_BACKEND_URL: backendOf(root),
  PULUMI_BACKEND_URL: backendOf(root),
});

function poolkit(root: string, env: NodeJS.ProcessEnv, args: readonly string[] = ["down", "-s", "a b"]) {
  const path = `${join(process.execPath, "..")}:/usr/bin:/bin`;
  const child = spawn(process.execPath, [join(root, "cli/poolkit.js"), ...args], {
    env: { PATH: path, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { child, ended: outcome(child) };
}

async function outcome(child: ChildProcess) {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    text.stderr += chunk;
  });
  const [code] = await once(child, "close");
  return { code, ...text };
}

describe("the command of a checkout", { timeout: 30_000 }, () => {
  it("works on its own stacks, whichever checkout's environment the shell has", async () => {
    const [here, there] = [checkout("here"), checkout("there")];
    for (const env of [{}, shellOf(here), shellOf(there)]) {
      const { code, stdout, stderr } = await poolkit(here, env).ended;
      expect([code, stderr]).toEqual([0, ""]);
      expect(JSON.parse(stdout)).toEqual([backendOf(here), "down", "-s", "a b"]);
    }
  });

  it("touches no stack of another checkout when its own set-up has not run", async () => {
    const [here, there] = [checkout("here", { isSetUp: false }), checkout("there")];
    const { code, stdout, stderr } = await poolkit(here, shellOf(there)).ended;
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `poolkit: this shell has the environment and the stacks of ${there}; run here: npm run setup\n`,
    );
    const own = { ...shellOf(there), PULUMI_BACKEND_URL: "s3://mine" };
    expect(JSON.parse((await poolkit(here, own).ended).stdout)[0]).toBe("s3://mine");
  });

  it.each<NodeJS.Signals>(["SIGTERM", "SIGHUP", "SIGINT"])(
    "hands %s to what it has started and ends as that does",
    async (signal) => {
      const main = `process.on("${signal}", () => { console.log("ends"); process.exit(9); });
        console.log("ready");
        await new Promise((resolve) => setTimeout(resolve, 20_000));`;
      const { child, ended } = poolkit(checkout("here", { main }), {});
      if (child.stdout) await once(child.stdout, "data");
      child.kill(signal);
      expect(await ended).toMatchObject({ code: 9, stdout: "ready\nends\n" });
    },
  );
});

it("an error that nobody expected ends with 2: 1 would be a warning", async () => {
  const pulumi = join(folder, "pulumi");
  writeFileSync(pulumi, "#!/bin/sh\necho no JSON\n");
  chmodSync(pulumi, 0o755);
  const main = join(import.meta.dirname, "../../cli/main.ts");
  const child = spawn(process.execPath, [main, "health", "-s", "shop"], { env: { PATH: `${folder}:/bin` } });
  const { code, stderr } = await outcome(child);
  expect(stderr).toContain("SyntaxError");
  expect(code).toBe(2);
});
