// @ts-check
import { spawn } from "node:child_process";
import { constants } from "node:os";

/** @type {NodeJS.Signals[]} */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a script of the checkout by the right Node, in the environment of `.poolkit/env`, on our own terminal, and
 * waits for its end. Our set-up's signal handlers are replaced: from now on the script decides what a signal means.
 * @param {{ root: string, node: string, environment: string | undefined, args: string[] }} target environment: file
 *   to source first
 * @returns {Promise<number>} its exit code; 128 + n when signal n ended it
 */
export function handOver({ root, node, environment, args }) {
  const child = environment
    ? spawn("/bin/sh", ["-c", '. "$0" && exec "$@"', environment, node, ...args], {
        cwd: root,
        stdio: "inherit",
      })
    : spawn(node, args, { cwd: root, stdio: "inherit" });
  for (const signal of FORWARDED) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      // Ctrl-C at a terminal reaches the script by itself; a second one would mean "at once" to Pulumi.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
