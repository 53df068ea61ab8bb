#!/usr/bin/env node
// Finds the environment that set-up wrote (.poolkit/env: the right Node, Pulumi, backend, passphrase) and starts the
// command in it. Plain JavaScript, because the Node that starts it may be too old for main.ts.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const environment = join(here, "..", ".poolkit", "env");
const nodeVersion = process.versions.node.split(".").map(Number);
const stripsTypes = nodeVersion[0] > 24 || (nodeVersion[0] === 24 && nodeVersion[1] >= 12);

if (process.env.POOLKIT_CHECKOUT !== undefined && stripsTypes) {
  await import("./main.ts");
} else if (existsSync(environment)) {
  const script = '. "$0" && exec node "$@"';
  const args = ["-c", script, environment, join(here, "main.ts"), ...process.argv.slice(2)];
  // Ctrl-C reaches the command too, which ends in its own time: we wait for how.
  process.on("SIGINT", () => {});
  const { status, signal } = spawnSync("sh", args, { stdio: "inherit" });
  if (signal !== null) {
    process.kill(process.pid, signal);
  }
  process.exitCode = status ?? 1;
} else if (stripsTypes) {
  // No set-up was run here: the user's own Pulumi and backend.
  await import("./main.ts");
} else {
  console.error(`poolkit: Node ${process.versions.node} found, >= 24.12 needed; run: npm run setup`);
  process.exitCode = 2;
}
