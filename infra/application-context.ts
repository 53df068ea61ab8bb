import { createHash, type Hash } from "node:crypto";
import { type Dirent, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import dockerignore from "@balena/dockerignore";

/**
 * SHA-256 (hex) over everything of a build folder that the engine gets to see: names, contents and modes of what
 * .dockerignore leaves, and the Dockerfile, which it reads in any case. Of a mode counts what the image's user meets:
 * whether a file may be executed, and what is closed to others, as under umask 077. Times and owners do not count, so a
 * fresh checkout hashes the same.
 */
export function contextHash(context: string, dockerfile: string): string {
  const recipe = readFileSync(join(context, dockerfile));
  const hash = createHash("sha256")
    .update(`${posix.normalize(dockerfile)}\0${recipe.length}\0`)
    .update(recipe);
  const isSent = sentFiles(context, dockerfile);
  const visit = (folder: string): void => {
    for (const entry of sortedEntries(join(context, folder))) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (isSent.mayHold(path)) {
          if (isSent.file(path) && isClosed(lstatSync(join(context, path)).mode, 0o005))
            hash.update(`closed ${path}\0`);
          visit(path);
        }
      } else if (isSent.file(path)) {
        addFile(hash, context, path, entry);
      }
    }
  };
  visit("");
  return hash.digest("hex");
}

function sentFiles(context: string, dockerfile: string) {
  // A Dockerfile's own rules take the place of the common ones.
  const ignoreFile = [`${dockerfile}.dockerignore`, ".dockerignore"]
    .map((name) => join(context, name))
    .find(existsSync);
  const rules = ignoreFile === undefined ? "" : readFileSync(ignoreFile, "utf8");
  // The engine tells README.MD from readme.md.
  const ignore = dockerignore.default({ ignorecase: false }).add(rules);
  // A rule with ! may take back a file of a folder that another rule leaves out.
  const hasExceptions = /^\s*!/m.test(rules);
  return {
    mayHold: (folder: string) => hasExceptions || !ignore.ignores(folder),
    file: (path: string) => !ignore.ignores(path),
  };
}

function sortedEntries(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Each part is followed by a NUL or has a fixed length, so that no two can run together. */
function addFile(hash: Hash, context: string, path: string, entry: Dirent): void {
  const file = join(context, path);
  if (entry.isSymbolicLink()) {
    hash.update(`link ${path}\0${readlinkSync(file)}\0`);
  } else if (entry.isFile()) {
    const { mode } = lstatSync(file);
    const executable = (mode & 0o111) !== 0 ? "x" : "-";
    const closed = isClosed(mode, 0o004) ? "c" : "";
    const content = readFileSync(file);
    hash.update(`file ${path}\0${executable}${closed} ${content.length}\0`).update(content);
  }
}

/** Whether others than the owner and the group lack a right. */
function isClosed(mode: number, right: number): boolean {
  return (mode & right) !== right;
}
