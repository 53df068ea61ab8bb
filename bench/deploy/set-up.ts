import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { median, row, seconds } from "./measure.ts";

const run = promisify(execFile);

/** Set-up of this checkout, where everything is in place. */
export async function warmSetUp(root: string): Promise<void> {
  const warm: number[] = [];
  for (let round = 0; round < 5; round++) {
    warm.push(await seconds(() => run(process.execPath, ["toolchain/main.mjs", "setup"], { cwd: root })));
  }
  row("set-up, warm", `${median(warm).toFixed(2)} s`, "goal <= 5 s");
  printSteps(root);
}

/**
 * Set-up of a fresh clone of this checkout's last commit, once, with an empty cache of its own: as on a new machine, but
 * for what only a new machine could show. Takes minutes; everything is removed again.
 */
export async function coldSetUp(root: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "poolkit-cold-"));
  try {
    const checkout = join(folder, "checkout");
    await run("git", ["clone", "--quiet", root, checkout]);
    const env = { ...withoutSetUp(process.env), XDG_CACHE_HOME: join(folder, "cache") };
    const taken = await seconds(() => run("node", ["toolchain/main.mjs", "setup"], { cwd: checkout, env }));
    row("set-up, cold", `${taken.toFixed(1)} s`, "goal <= 480 s");
    printSteps(checkout);
    row("  kept", "not measured", "Docker Engine, base image, npm's and Go's downloads");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Steps run side by side: together they are more than the whole. */
function printSteps(checkout: string): void {
  const setup: { steps: { step: string; seconds: number; how: string }[] } = JSON.parse(
    readFileSync(join(checkout, ".poolkit/setup.json"), "utf8"),
  );
  for (const { step, seconds: taken, how } of setup.steps) row(`  ${step}`, `${taken.toFixed(2)} s`, how);
}

/** The variables of somebody who has not sourced the `.poolkit/env` of this checkout: its Pulumi is not theirs. */
function withoutSetUp(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ofSetUp = /^(PULUMI_|POOLKIT_(CHECKOUT|BACKEND_URL|DOCKER_HOST)$|NODE_COMPILE_CACHE$)/;
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !ofSetUp.test(name)));
  const bin = env.POOLKIT_CHECKOUT === undefined ? undefined : join(env.POOLKIT_CHECKOUT, ".poolkit/bin");
  const path = env.PATH?.split(delimiter).filter((entry) => entry !== bin);
  return { ...kept, PATH: path?.join(delimiter) };
}
