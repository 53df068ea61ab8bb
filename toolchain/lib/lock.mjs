// @ts-check
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A holder renews its lock this often; one that was not renewed for `STALE_MS` belongs to a dead process. */
const RENEW_MS = 2_000;
const STALE_MS = 15_000;
const POLL_MS = 200;

/** @type {Set<string>} */
const held = new Set();
process.on("exit", () => {
  for (const path of held) rmSync(path, { force: true });
});

/**
 * Runs `work` while holding a lock file, so that two set-ups do not do the same work at once. It saves work and
 * keeps `apt-get` and `npm ci` apart; nothing depends on it for correctness of the cache, whose entries appear by
 * one rename. Works across containers that share the folder: it is kept alive by its time stamp, not by a pid.
 * @template T
 * @param {string} path
 * @param {{ onWait?: (holder: string) => void }} options called once when somebody else holds it
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, options, work) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path)) {
    if (!told) options.onWait?.(holderOf(path));
    told = true;
    await sleep(POLL_MS);
  }
  held.add(path);
  const renewal = setInterval(() => renew(path), RENEW_MS);
  renewal.unref();
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    held.delete(path);
    rmSync(path, { force: true });
  }
}

/** @param {string} path */
function take(path) {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  try {
    if (Date.now() - statSync(path).mtimeMs > STALE_MS) rmSync(path, { force: true });
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
  return false;
}

/** @param {string} path */
function renew(path) {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Somebody removed the folder: the work itself will say so.
  }
}

/** @param {string} path */
function holderOf(path) {
  try {
    return `process ${readFileSync(path, "utf8").trim()}`;
  } catch {
    return "another process";
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
export function isCode(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}
