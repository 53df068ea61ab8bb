// @ts-check
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheEntry } from "./lib/cache.mjs";
import { isExecutable } from "./lib/files.mjs";
import { npmErrors, QUIET_NPM } from "./lib/npm.mjs";
import { SetupProblem } from "./lib/problem.mjs";
import { lastLines, run } from "./lib/processes.mjs";
import { inRange, parseVersion } from "./lib/versions.mjs";

/** The Node that is installed where the present one is too old: the newest of the 24 line when this was written. */
const NODE_VERSION = "24.21.0";
const INSTALL_LIMIT_MS = 300_000;

/**
 * Finds a Node that package.json's `engines` allows: the one that runs this, else the one of npm's package
 * `node-<os>-<processor>` (what npm's package `node` installs), kept in the cache.
 * @param {{ root: string, cache: string, npm: import("./lib/npm.mjs").Npm, onLong: (text: string) => void }} context
 */
export async function findNode({ root, cache, npm, onLong }) {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const present = parseVersion(process.version);
  if (present && inRange(present, engines.node)) {
    return { how: `${process.version} (the present one)`, changed: false, value: process.execPath };
  }
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const { folder, built } = await cacheEntry(
    cache,
    `${name}-${NODE_VERSION}`,
    async (target) => {
      onLong(`${process.version} is too old (needed: ${engines.node}); installing ${NODE_VERSION} from npm`);
      const args = ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...QUIET_NPM];
      const done = await run(npm.command, [...npm.args, ...args, `${name}@${NODE_VERSION}`], {
        cwd: target,
        timeoutMs: INSTALL_LIMIT_MS,
      });
      const problem = done.code === 0 ? await whyNotRunning(nodeIn(target, name)) : npmErrors(done.output);
      if (problem) {
        throw new SetupProblem("NODE_NOT_INSTALLED", {
          what: `Node ${engines.node} is needed and could not be installed from npm (${name}@${NODE_VERSION})`,
          found: `Node ${process.version}; ${problem}`,
          fix: "check that npm reaches its registry (npm ping), or install Node 24 yourself and start again",
        });
      }
    },
    (holder) => onLong(`${holder} installs it already; waiting`),
  );
  return {
    how: `v${NODE_VERSION} (${built ? "installed" : "cache"})`,
    changed: built,
    value: nodeIn(folder, name),
  };
}

/**
 * @param {string} folder
 * @param {string} name
 */
function nodeIn(folder, name) {
  return join(folder, "node_modules", name, "bin", "node");
}

/** A wrong C library (Alpine) shows only when it is started. @param {string} node */
async function whyNotRunning(node) {
  if (!isExecutable(node)) return `${node} is missing after the installation`;
  const done = await run(node, ["--version"], { timeoutMs: 10_000 });
  return done.code === 0 ? undefined : `${node} does not start: ${lastLines(done.output)}`;
}
