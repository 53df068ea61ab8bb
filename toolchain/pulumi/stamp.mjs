// @ts-check
import { statSync } from "node:fs";
import { join } from "node:path";
import { cacheKey } from "../lib/cache.mjs";
import { readIfPresent, writeAtomic } from "../lib/files.mjs";

/** @typedef {import("./pulumi.mjs").Toolchain} Toolchain */

/** The files of the checkout that the fallback toolchain is made from. */
const DECISIVE = [
  "toolchain/cli/go.mod",
  "toolchain/plugins/docker/go.mod",
  "toolchain/plugins/docker/main.go",
  "toolchain/plugins/docker/shim/shim.go",
  "toolchain/pulumi/registry.mjs",
];

/**
 * A name for the present inputs of the choice: as long as it stays the same, the noted toolchain is the right one.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./wanted.mjs").Wanted} wanted
 */
export function stampInputs(root, env, wanted) {
  /** @type {Record<string, string>} */
  const ingredients = {
    forced: env.POOLKIT_TOOLCHAIN ?? "",
    root,
    platform: `${process.platform}-${process.arch}`,
    wanted: JSON.stringify(wanted),
  };
  for (const path of DECISIVE) ingredients[path] = readIfPresent(join(root, path)) ?? "";
  return cacheKey("toolchain", ingredients);
}

/**
 * The toolchain that an earlier set-up noted, if the inputs are the same and all its files are still those.
 * @param {string} root
 * @param {string} inputs
 * @returns {Toolchain | undefined}
 */
export function readStamp(root, inputs) {
  try {
    const stamp = JSON.parse(readIfPresent(stampPath(root)) ?? "{}");
    if (stamp.inputs !== inputs || stamp.files !== identities(stamp.toolchain)) return undefined;
    return stamp.toolchain;
  } catch {
    return undefined; // a file is gone, or the note is from another version of set-up
  }
}

/**
 * @param {string} root
 * @param {string} inputs
 * @param {Toolchain} toolchain
 */
export function writeStamp(root, inputs, toolchain) {
  const stamp = { inputs, files: identities(toolchain), toolchain };
  writeAtomic(stampPath(root), `${JSON.stringify(stamp, null, 2)}\n`, 0o644);
}

/** Sizes and times of a toolchain's executables. @param {Toolchain} toolchain */
function identities({ cli, plugins }) {
  const paths = [cli, ...Object.values(plugins).map((plugin) => plugin.executable)];
  return paths
    .map((path) => statSync(path))
    .map(({ size, mtimeMs }) => `${size}@${Math.trunc(mtimeMs)}`)
    .join(" ");
}

/** @param {string} root */
function stampPath(root) {
  return join(root, ".poolkit", "toolchain.json");
}
