/** One build at a time: three stacks may come up side by side, and each asks for the same bundle. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Longest wait for another build, in milliseconds; a build takes about three seconds. */
const PATIENCE_MS = 60_000;

/** True when the process that wrote the lock still runs. */
async function holderLives(lockFile) {
  const pid = Number(await readFile(lockFile, "utf8").catch(() => "0"));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/**
 * Runs `work` while this process holds `lockFile`. A lock left behind by a killed build is taken over.
 * Throws when another build holds it for more than a minute.
 */
export async function withBuildLock(lockFile, work) {
  await mkdir(path.dirname(lockFile), { recursive: true });
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      await writeFile(lockFile, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (!(await holderLives(lockFile))) {
      // Give a builder that has just created the file the time to write its number into it.
      await sleep(50);
      if (!(await holderLives(lockFile))) await rm(lockFile, { force: true });
    } else if (Date.now() > deadline) {
      throw new Error(`another build holds ${lockFile} for more than a minute; end it or remove the file`);
    } else {
      await sleep(100);
    }
  }
  try {
    return await work();
  } finally {
    await rm(lockFile, { force: true });
  }
}
