// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";

/** How long a program may take to clean up after itself when set-up ends early. */
const CLEAN_UP_MS = 5_000;

/**
 * Programs under way, and whether they must not be cut (a package manager in the middle of its database).
 * @type {Map<import("node:child_process").ChildProcess, { uncut: boolean }>}
 */
const children = new Map();

/**
 * @typedef {object} Finished
 * @property {number | null} code exit code, null when ended by a signal or never started
 * @property {string} output standard output and error as they came, at most the last 64 KiB
 * @property {string} stdout standard output alone
 * @property {boolean} timedOut true when the time limit ended it
 */

/**
 * Runs a program to its end and collects its output. Never rejects: a program that cannot be started ends with
 * code null and the reason in `output`. It is ended with us, see
 * `endChildren`.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, uncut?: boolean }} [options] uncut: when
 *   set-up ends early, wait for this program instead of ending it
 * @returns {Promise<Finished>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    children.set(child, { uncut: options.uncut ?? false });
    let output = "";
    let stdout = "";
    let timedOut = false;
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      output = tail(output + chunk);
    });
    child.stderr.on("data", (chunk) => {
      output = tail(output + chunk);
    });
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          endGroup(child, "SIGKILL");
        }, options.timeoutMs)
      : undefined;
    child.on("error", (error) => {
      output += error.message;
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ code, output, stdout, timedOut });
    });
  });
}

/**
 * Starts a program whose output somebody else reads (a tar stream); it is ended with us like all others.
 * @param {string} command
 * @param {string[]} args
 */
export function start(command, args) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  children.set(child, { uncut: false });
  child.on("close", () => children.delete(child));
  return child;
}

/**
 * Ends everything that `run` and `start` have under way, grandchildren too, and waits until it has ended, so that a
 * next set-up never meets the remains of this one at work.
 */
export async function endChildren() {
  const ends = [...children].map(async ([child, { uncut }]) => {
    const closed = once(child, "close").catch(() => undefined);
    if (uncut) return closed;
    endGroup(child, "SIGTERM");
    const kill = setTimeout(() => endGroup(child, "SIGKILL"), CLEAN_UP_MS);
    await closed;
    clearTimeout(kill);
  });
  await Promise.all(ends);
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function endGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal); // the group is already gone
  }
}

/** @param {string} text */
function tail(text) {
  return text.length > 65_536 ? text.slice(-65_536) : text;
}

/**
 * The last lines of a program's output, for an error message.
 * @param {string} output
 * @param {number} [lines]
 */
export function lastLines(output, lines = 8) {
  return output.trim().split("\n").slice(-lines).join("\n") || "(no output)";
}
