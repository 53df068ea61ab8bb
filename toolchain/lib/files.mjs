// @ts-check
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** A name beside `path` for a file that is not complete yet. @param {string} path */
export function temporaryName(path) {
  return `${path}.tmp-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/**
 * Writes a file so that a reader sees the old or the new content, never a part. Leaves it alone when it already
 * has this content and mode.
 * @param {string} path
 * @param {string} content
 * @param {number} mode permission bits
 */
export function writeAtomic(path, content, mode) {
  if (readIfPresent(path) === content && (statSync(path).mode & 0o777) === mode) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  writeFileSync(temporary, content, { mode });
  chmodSync(temporary, mode); // the umask may have taken bits away
  renameSync(temporary, path);
}

/**
 * Makes `path` a symbolic link to `target`, replacing whatever stood there, in one step.
 * @param {string} target
 * @param {string} path
 */
export function linkSymbolic(target, path) {
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present?.isSymbolicLink() && readlinkSync(path) === target) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

/**
 * Makes `path` the same file as `source` by a hard link, or a copy where the two are on different file systems.
 * A program started through it sees `path` as its own place, which a symbolic link does not give.
 * @param {string} source
 * @param {string} path
 */
export function linkHard(source, path) {
  const from = statSync(source);
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present?.isFile() && (present.ino === from.ino || sameCopy(present, from))) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  try {
    linkSync(source, temporary);
  } catch {
    copyFileSync(source, temporary);
  }
  renameSync(temporary, path);
}

/**
 * @param {import("node:fs").Stats} copy
 * @param {import("node:fs").Stats} source
 */
function sameCopy(copy, source) {
  return copy.dev !== source.dev && copy.size === source.size && copy.mtimeMs >= source.mtimeMs;
}

/** The content of a text file, or undefined when there is none. @param {string} path */
export function readIfPresent(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Whether `path` is a file that may be executed. @param {string} path */
export function isExecutable(path) {
  try {
    const found = statSync(path);
    return found.isFile() && (found.mode & 0o111) !== 0;
  } catch {
    return false; // there is none, or it lies in a folder that we may not look into
  }
}

/** Removes a file or a whole folder; none is fine. @param {string} path */
export function removeTree(path) {
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
