// @ts-check
import { withLock } from "../lib/lock.mjs";
import { SetupProblem } from "../lib/problem.mjs";
import { lastLines, run } from "../lib/processes.mjs";

const APT_LIMIT_MS = 600_000;

/** Whether /etc/os-release describes Debian or a system made from it. @param {string} osRelease */
export function isDebianFamily(osRelease) {
  const values = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)].map(
    (match) => match[1]?.replaceAll('"', "") ?? "",
  );
  return values.flatMap((value) => value.split(" ")).some((name) => name === "debian" || name === "ubuntu");
}

/**
 * Installs Debian packages as root; the package index is fetched first, since a fresh machine has none.
 * @param {string[]} packages
 */
export async function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await withLock("/run/lock/poolkit-apt.lock", {}, async () => {
    // An index that cannot be refreshed in part (one dead source of several) may still do: the install decides.
    const update = await run("apt-get", ["update", "-qq"], { env, timeoutMs: APT_LIMIT_MS });
    const args = [
      "install",
      "-y",
      "-qq",
      "--no-install-recommends",
      "-o",
      "DPkg::Lock::Timeout=120",
      ...packages,
    ];
    const install = await run("apt-get", args, { env, timeoutMs: APT_LIMIT_MS, uncut: true });
    if (install.code === 0) return;
    throw new SetupProblem("APT_FAILED", {
      what: `apt-get install ${packages.join(" ")} failed`,
      found: lastLines(`${update.code === 0 ? "" : update.output}\n${install.output}`),
      fix: "check that apt-get reaches its mirror (apt-get update), then start again",
    });
  });
}
