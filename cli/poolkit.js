#!/usr/bin/env node
// Finds the environment that set-up wrote (.poolkit/env: the right Node, Pulumi, backend, passphrase) and starts the
// command in it. Plain JavaScript, because the Node that starts it may be too old for main.ts.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const checkout = dirname(here);
const environment = join(checkout, ".poolkit", "env");
const nodeVersion = process.versions.node.split(".").map(Number);
const stripsTypes = nodeVersion[0] > 24 || (nodeVersion[0] === 24 && nodeVersion[1] >= 12);
const {
  POOLKIT_CHECKOUT: sourced,
  POOLKIT_BACKEND_URL: itsBackend,
  PULUMI_BACKEND_URL: backend,
} = process.env;

if (sourced === checkout && stripsTypes) {
  await import("./main.ts");
} else if (existsSync(environment)) {
  process.exitCode = await inEnvironment();
} else if (sourced !== undefined && sourced !== checkout && backend === itsBackend) {
  // Stacks of the same name in both: down here would take away the one of there.
  fail(`this shell has the environment and the stacks of ${sourced}; run here: npm run setup`);
} else if (stripsTypes) {
  // No set-up was run here: the user's own Pulumi and backend.
  await import("./main.ts");
} else {
  fail(`Node ${process.versions.node} found, >= 24.12 needed; run: npm run setup`);
}

/** Runs the command in the environment of this checkout's set-up; its exit code, or 128 + n when signal n ended it. */
function inEnvironment() {
  const script = '. "$0" && exec node "$@"';
  const args = ["-c", script, environment, join(here, "main.ts"), ...process.argv.slice(2)];
  const child = spawn("sh", args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // Ctrl-C at a terminal reaches the command by itself; it ends in its own time, and we wait for how.
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function fail(reason) {
  console.error(`poolkit: ${reason}`);
  process.exitCode = 2;
}
