// @ts-check
import { realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { isExecutable } from "../lib/files.mjs";
import { run } from "../lib/processes.mjs";
import { inRange, parseVersion } from "../lib/versions.mjs";

const VERSION_LIMIT_MS = 10_000;
const LANGUAGE_HOST = "pulumi-language-nodejs";

/**
 * The user's own Pulumi: the first `pulumi` on PATH that is a real CLI (not npm's launcher, not the one that
 * set-up placed into a checkout), in the wanted range, and with its Node language host.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} range
 * @returns {Promise<{ binary: string, version: string } | { reason: string }>}
 */
export async function pulumiOnPath(env, range) {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  const binary = folders
    .map((folder) => join(folder, "pulumi"))
    .find((path) => isExecutable(path) && isOwn(path));
  if (!binary) return { reason: "no pulumi on PATH" };

  const done = await run(binary, ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: VERSION_LIMIT_MS,
  });
  const version = parseVersion(done.stdout);
  if (done.code !== 0 || !version) return { reason: `${binary} version failed` };
  if (!inRange(version, range)) return { reason: `${binary} is ${version.join(".")}, needed: ${range}` };
  const beside = join(dirname(realpathSync(binary)), LANGUAGE_HOST);
  const found = [beside, ...folders.map((folder) => join(folder, LANGUAGE_HOST))].some(isExecutable);
  return found ? { binary, version: version.join(".") } : { reason: `${binary} has no ${LANGUAGE_HOST}` };
}

/** @param {string} path */
function isOwn(path) {
  const parts = realpathSync(path).split("/");
  return (
    !parts.includes("node_modules") && !path.split("/").includes(".poolkit") && !parts.includes(".poolkit")
  );
}
