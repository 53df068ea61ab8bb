// @ts-check
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join, relative } from "node:path";
import { removeTree, temporaryName } from "./files.mjs";
import { homeFolder } from "./home.mjs";
import { isCode, withLock } from "./lock.mjs";
import { SetupProblem } from "./problem.mjs";

/**
 * The folder that all checkouts of a user share: `$XDG_CACHE_HOME/poolkit`, else `~/.cache/poolkit`. A relative
 * XDG_CACHE_HOME is invalid by the XDG Base Directory Specification and counts as unset.
 * @param {NodeJS.ProcessEnv} env
 * @param {() => string} [ofSystem] replaceable for tests only
 */
export function cacheFolder(env, ofSystem) {
  if (env.XDG_CACHE_HOME?.startsWith("/")) return join(env.XDG_CACHE_HOME, "poolkit");
  const home = homeFolder(env, ofSystem);
  if (home !== undefined) return join(home, ".cache", "poolkit");
  throw new SetupProblem("NO_HOME", {
    what: "set-up has no folder for its cache",
    found: "no HOME, no XDG_CACHE_HOME, and the system knows no home of this user",
    fix: "set HOME or XDG_CACHE_HOME to a folder that your user may write to (the whole path)",
  });
}

/**
 * The name of a cache entry: what it is and a hash over everything it is made from, in a fixed order and with the
 * lengths in it, so that no two lists of ingredients look the same.
 * @param {string} part
 * @param {Record<string, string>} ingredients
 */
export function cacheKey(part, ingredients) {
  const hash = createHash("sha256");
  for (const name of Object.keys(ingredients).sort()) {
    const value = ingredients[name] ?? "";
    hash.update(`${name.length}:${name}${Buffer.byteLength(value)}:${value}`);
  }
  return `${part}-${hash.digest("hex").slice(0, 16)}`;
}

/**
 * The contents of the files of a folder, by their path in it: ingredients for `cacheKey`.
 * @param {string} folder
 * @param {(path: string) => boolean} wanted
 * @returns {Record<string, string>}
 */
export function sourcesIn(folder, wanted) {
  /** @type {Record<string, string>} */
  const sources = {};
  /** @param {string} directory */
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (wanted(relative(folder, path))) sources[relative(folder, path)] = readFileSync(path, "utf8");
    }
  };
  visit(folder);
  return sources;
}

/**
 * The folder of a cache entry, made by `build` when it is not there. `build` gets an empty folder; only when it
 * has ended well is that folder renamed to its final name, so an entry that exists is complete.
 * @param {string} cache
 * @param {string} key
 * @param {(folder: string) => Promise<void>} build
 * @param {(holder: string) => void} [onWait] called when another set-up is building the same
 * @returns {Promise<{ folder: string, built: boolean }>}
 */
export async function cacheEntry(cache, key, build, onWait) {
  const folder = join(cache, key);
  const lock = join(cache, `${key}.lock`);
  if (existsSync(folder)) {
    // Again: a program that outlived its killed set-up may have written on while the entry was built anew.
    if (!existsSync(lock)) removeLeftovers(cache, key);
    return { folder, built: false };
  }
  return withLock(lock, { onWait }, async () => {
    if (existsSync(folder)) return { folder, built: false };
    removeLeftovers(cache, key);
    const temporary = temporaryName(folder);
    mkdirSync(temporary, { recursive: true });
    try {
      await build(temporary);
      renameSync(temporary, folder);
    } catch (error) {
      removeTree(temporary);
      if (!isCode(error, "ENOTEMPTY")) throw error; // else somebody was faster, with the same content
    }
    return { folder, built: true };
  });
}

/**
 * What set-ups left behind that were killed while they built this entry.
 * @param {string} cache
 * @param {string} key
 */
function removeLeftovers(cache, key) {
  for (const name of readdirSync(cache)) {
    if (name.startsWith(`${key}.tmp-`)) removeTree(join(cache, name));
  }
}
