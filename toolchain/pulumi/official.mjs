// @ts-check
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, cacheKey } from "../lib/cache.mjs";
import { isExecutable } from "../lib/files.mjs";
import { homeFolder } from "../lib/home.mjs";
import { SetupProblem } from "../lib/problem.mjs";
import { lastLines, run } from "../lib/processes.mjs";

/** The site that npm's package `pulumi` fetches from. */
const DOWNLOAD_SITE = "https://get.pulumi.com/install.sh";
const REACHABLE_LIMIT_MS = 4_000;
const DOWNLOAD_LIMIT_MS = 300_000;
const PROBE = `await fetch(process.argv[1], { method: "HEAD", signal: AbortSignal.timeout(Number(process.argv[2])) });`;

/**
 * @typedef {object} Download
 * @property {string} cache
 * @property {string} root the checkout, with its packages installed
 * @property {NodeJS.ProcessEnv} env
 * @property {string} node a Node that honours proxy variables (>= 24)
 * @property {(text: string) => void} onLong
 */

/**
 * Why the official downloads cannot be reached; undefined when they can. Decided in at most 5 s, in a process of
 * its own: a name server that swallows requests cannot hold us up.
 * @param {string} node
 * @param {{ site: string, limitMs: number }} [target]
 * @returns {Promise<string | undefined>}
 */
export async function whyNotReachable(node, target = { site: DOWNLOAD_SITE, limitMs: REACHABLE_LIMIT_MS }) {
  const done = await run(node, ["--input-type=module", "-e", PROBE, target.site, String(target.limitMs)], {
    env: { ...process.env, NODE_USE_ENV_PROXY: "1" },
    timeoutMs: target.limitMs + 1_000,
  });
  if (done.code === 0) return undefined;
  return done.timedOut || done.output.includes("TimeoutError") ? "no answer in time" : "out of reach";
}

/**
 * The official CLI with its language hosts, through npm's package `pulumi`, kept in the cache.
 * @param {Download} download
 * @param {string} version
 * @returns {Promise<{ binary: string, built: boolean }>}
 */
export async function officialCli({ cache, root, env, node, onLong }, version) {
  const key = cacheKey("pulumi-official", { version, platform: process.platform, arch: process.arch });
  const { folder, built } = await cacheEntry(cache, key, async (target) => {
    onLong(`downloading Pulumi ${version}`);
    const done = await run(node, [join(root, "node_modules", "pulumi", "run.js"), "version"], {
      env: {
        ...env,
        // As when it was found to be in reach.
        NODE_USE_ENV_PROXY: "1",
        PULUMI_HOME: target,
        PULUMI_VERSION: version,
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
      timeoutMs: DOWNLOAD_LIMIT_MS,
    });
    if (done.code !== 0 || !isExecutable(cliIn(target, version))) {
      throw downloadProblem(`the download of Pulumi ${version} failed`, done);
    }
  });
  return { binary: cliIn(folder, version), built };
}

/**
 * @param {string} folder
 * @param {string} version
 */
function cliIn(folder, version) {
  return join(folder, "versions", version, "bin", "pulumi");
}

/**
 * An official provider plugin: from the user's own Pulumi home when it is there already (read only), else
 * downloaded by `pulumi plugin install`, kept in the cache.
 * @param {Download} download
 * @param {string} cli
 * @param {{ name: string, version: string }} plugin
 * @returns {Promise<{ executable: string, built: boolean }>}
 */
export async function officialPlugin({ cache, env, onLong }, cli, { name, version }) {
  const own = ownPlugin(env, { name, version });
  if (own) return { executable: own, built: false };
  const key = cacheKey(`plugin-${name}-official`, {
    version,
    platform: process.platform,
    arch: process.arch,
  });
  const { folder, built } = await cacheEntry(cache, key, async (target) => {
    onLong(`downloading the ${name} plugin ${version}`);
    const home = join(target, "home");
    const done = await run(cli, ["plugin", "install", "resource", name, version], {
      env: { ...env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
      timeoutMs: DOWNLOAD_LIMIT_MS,
    });
    const installed = join(home, "plugins", `resource-${name}-v${version}`);
    if (done.code !== 0 || !isExecutable(join(installed, `pulumi-resource-${name}`))) {
      throw downloadProblem(`the download of the ${name} plugin ${version} failed`, done);
    }
    await cp(installed, join(target, "plugin"), { recursive: true });
  });
  return { executable: join(folder, "plugin", `pulumi-resource-${name}`), built };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {{ name: string, version: string }} plugin
 */
export function ownPlugin(env, { name, version }) {
  const home = join(homeFolder(env) ?? "/nonexistent", ".pulumi");
  const path = join(home, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
  return isExecutable(path) ? path : undefined;
}

/**
 * @param {string} what
 * @param {import("../lib/processes.mjs").Finished} done
 */
function downloadProblem(what, done) {
  return new SetupProblem("DOWNLOAD_FAILED", {
    what,
    found: done.timedOut ? `no end after ${DOWNLOAD_LIMIT_MS / 1000} s` : lastLines(done.output),
    fix: "start again, or build everything from package registries: POOLKIT_TOOLCHAIN=registry",
  });
}
