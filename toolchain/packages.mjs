// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { readIfPresent, removeTree, temporaryName } from "./lib/files.mjs";
import { npmErrors, QUIET_NPM } from "./lib/npm.mjs";
import { SetupProblem } from "./lib/problem.mjs";
import { run } from "./lib/processes.mjs";

const INSTALL_LIMIT_MS = 600_000;

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[],
 *   libc?: string[] }} Locked
 */

/** What packages are for. @typedef {{ os: string, cpu: string }} System */

/**
 * Whether what is installed is what the lock file says, by npm's own record of the installation: the same packages
 * with the same versions and contents. Optional packages may be absent, but for those that are for this system: a folder
 * that came from another one lacks its binaries.
 * @param {Record<string, Locked>} locked `packages` of package-lock.json
 * @param {Record<string, Locked>} installed `packages` of node_modules/.package-lock.json
 * @param {System} [system]
 */
export function packagesMatch(locked, installed, system = { os: process.platform, cpu: process.arch }) {
  for (const [path, wanted] of Object.entries(locked)) {
    if (path === "") continue;
    const present = installed[path];
    if (!present) {
      if (wanted.optional && !isFor(wanted, system)) continue;
      return false;
    }
    if (present.version !== wanted.version || present.integrity !== wanted.integrity) return false;
  }
  return Object.keys(installed).every((path) => path in locked);
}

/**
 * Whether a package says that it is for this system. One that tells C libraries apart may be for the other one.
 * @param {Locked} wanted
 * @param {System} system
 */
function isFor({ os, cpu, libc }, system) {
  if (os === undefined || cpu === undefined || libc !== undefined) return false;
  return os.includes(system.os) && cpu.includes(system.cpu);
}

/**
 * Brings node_modules to the state of package-lock.json: installs beside it and takes the place when complete, so an
 * interrupted installation is never seen. Packages' own install scripts are not run: none of ours
 * needs one (esbuild and Biome have their binaries in packages, Prisma's engine is the WebAssembly one).
 * @param {{ root: string, npm: import("./lib/npm.mjs").Npm, onLong: (text: string) => void }} context
 */
export async function installPackages({ root, npm, onLong }) {
  const lockText = readIfPresent(join(root, "package-lock.json")) ?? "{}";
  const { packages: locked } = JSON.parse(lockText);
  const count = Object.keys(locked).length - 1;
  // Also where nothing is to do: an npm that outlived its killed set-up may have written on.
  removeLeftovers(join(root, ".poolkit"));
  if (isInstalled(root, locked)) return { how: `${count} as locked`, changed: false, value: undefined };

  onLong("npm ci (20 to 60 s)");
  const folder = temporaryName(join(root, ".poolkit", "packages"));
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
    if (existsSync(join(root, file))) copyFileSync(join(root, file), join(folder, file));
  }
  const args = ["ci", "--ignore-scripts", ...QUIET_NPM];
  const done = await run(npm.command, [...npm.args, ...args], { cwd: folder, timeoutMs: INSTALL_LIMIT_MS });
  if (done.code !== 0) {
    removeTree(folder);
    throw new SetupProblem("PACKAGES_NOT_INSTALLED", {
      what: "npm ci failed",
      found: done.timedOut ? `no end after ${INSTALL_LIMIT_MS / 1000} s` : npmErrors(done.output),
      fix: "check that npm reaches its registry (npm ping), then start again; npm ci shows the whole output",
    });
  }
  if (existsSync(join(root, "node_modules"))) renameSync(join(root, "node_modules"), join(folder, "former"));
  renameSync(join(folder, "node_modules"), join(root, "node_modules"));
  removeTree(folder);
  return { how: `npm ci, ${count} in the lock file`, changed: true, value: undefined };
}

/** What set-ups left behind that were killed while they installed. @param {string} folder */
function removeLeftovers(folder) {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name.startsWith("packages.tmp-")) removeTree(join(folder, name));
  }
}

/**
 * @param {string} root
 * @param {Record<string, Locked>} locked
 */
function isInstalled(root, locked) {
  const record = readIfPresent(join(root, "node_modules", ".package-lock.json"));
  if (!record) return false;
  const { packages: installed } = JSON.parse(record);
  if (!packagesMatch(locked, installed)) return false;
  // The record may outlive a folder that somebody removed by hand.
  return Object.keys(installed).every((path) => existsSync(join(root, path)));
}
