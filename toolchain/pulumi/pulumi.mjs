// @ts-check
import { join } from "node:path";
import { SetupProblem } from "../lib/problem.mjs";
import { officialCli, officialPlugin, ownPlugin, whyNotReachable } from "./official.mjs";
import { pulumiOnPath } from "./on-path.mjs";
import { buildGo, cliProgram, dockerProgram, fetchModules, findGo, pinnedCliVersion } from "./registry.mjs";
import { readStamp, stampInputs, writeStamp } from "./stamp.mjs";
import { readWanted } from "./wanted.mjs";

/** @typedef {"path" | "official" | "registry"} Source */
/** @typedef {import("./wanted.mjs").Wanted} Wanted */

/**
 * @typedef {object} Toolchain where the parts of Pulumi are that the checkout uses
 * @property {Source} source of the CLI
 * @property {string} cli executable
 * @property {string} version of the CLI
 * @property {Record<string, { executable: string, version: string, source: "official" | "registry" }>} plugins
 */

/**
 * @typedef {object} PulumiContext
 * @property {string} root
 * @property {string} cache
 * @property {NodeJS.ProcessEnv} env
 * @property {Promise<string>} node a Node >= 24, when it is found
 * @property {Promise<unknown>} packages resolves when node_modules is in place
 * @property {(text: string) => void} onLong
 */

/**
 * The Pulumi toolchain, best first: the user's own `pulumi`, the official download, the registries' fallback.
 * `POOLKIT_TOOLCHAIN` (path, official, registry) forces one. What was found is noted in the checkout, so the next
 * start asks nobody.
 * @param {PulumiContext} context
 */
export async function findPulumi(context) {
  const { root, env } = context;
  const wanted = readWanted(root);
  const inputs = stampInputs(root, env, wanted);
  const known = readStamp(root, inputs);
  if (known) return { how: describe(known), changed: false, value: known };
  const toolchain = await choose(context, wanted);
  writeStamp(root, inputs, toolchain);
  return { how: describe(toolchain), changed: true, value: toolchain };
}

/** @param {Toolchain} toolchain */
function describe({ source, version, plugins }) {
  const cli = { path: "the one on PATH", official: "official download", registry: "built from Go modules" }[
    source
  ];
  const fallback = Object.entries(plugins).filter(([, plugin]) => plugin.source === "registry");
  const names = fallback.map(([name]) => name).join(", ");
  return `Pulumi ${version} (${cli}${names ? `; fallback plugins: ${names}` : ""})`;
}

/**
 * @param {PulumiContext} context
 * @param {Wanted} wanted
 * @returns {Promise<Toolchain>}
 */
async function choose(context, wanted) {
  const forced = forcedSource(context.env);
  if (!forced || forced === "path") {
    const own = await pulumiOnPath(context.env, wanted.range);
    if ("binary" in own)
      return withPlugins(context, wanted, { source: "path", cli: own.binary, version: own.version });
    if (forced) throw forcedProblem(forced, own.reason);
  }
  if (!forced || forced === "official") {
    const unreachable = await whyNotReachable(await context.node);
    if (!unreachable) {
      await context.packages;
      const download = { ...context, node: await context.node };
      const cli = await officialCli(download, wanted.cliVersion);
      return withPlugins(context, wanted, {
        source: "official",
        cli: cli.binary,
        version: wanted.cliVersion,
      });
    }
    if (forced) throw forcedProblem(forced, `get.pulumi.com: ${unreachable}`);
    context.onLong(`official download: ${unreachable}; building from package registries`);
  }
  return buildAll(context, wanted);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Source | undefined}
 */
function forcedSource(env) {
  const value = env.POOLKIT_TOOLCHAIN;
  if (!value || value === "auto") return undefined;
  if (value === "path" || value === "official" || value === "registry") return value;
  throw new SetupProblem("TOOLCHAIN_UNKNOWN", {
    what: "POOLKIT_TOOLCHAIN has an unknown value",
    found: value,
    fix: "set it to auto, path, official or registry, or unset it",
  });
}

/**
 * @param {Source} source
 * @param {string} found
 */
function forcedProblem(source, found) {
  return new SetupProblem("TOOLCHAIN_ABSENT", {
    what: `POOLKIT_TOOLCHAIN=${source} asks for a Pulumi that is not to be had`,
    found,
    fix: "unset POOLKIT_TOOLCHAIN: set-up then takes the best there is",
  });
}

/**
 * The plugins for an official CLI: official ones, or the fallback where these are out of reach.
 * @param {PulumiContext} context
 * @param {Wanted} wanted
 * @param {{ source: Source, cli: string, version: string }} found
 * @returns {Promise<Toolchain>}
 */
async function withPlugins(context, wanted, found) {
  const missing = wanted.plugins.filter((plugin) => !ownPlugin(context.env, plugin));
  const unreachable = missing.length > 0 ? await whyNotReachable(await context.node) : undefined;
  if (unreachable) {
    context.onLong(`official plugins: ${unreachable}; building them from package registries`);
    return { ...found, plugins: await fallbackPlugins(context, wanted) };
  }
  /** @type {Toolchain["plugins"]} */
  const plugins = {};
  for (const plugin of wanted.plugins) {
    const { executable } = await officialPlugin({ ...context, node: await context.node }, found.cli, plugin);
    plugins[plugin.name] = { executable, version: plugin.version, source: "official" };
  }
  return { ...found, plugins };
}

/**
 * Everything from package registries. The two compilations share most of their packages through Go's build cache,
 * and each uses all processors: one after the other is the faster way.
 * @param {PulumiContext} context
 * @param {Wanted} wanted
 * @returns {Promise<Toolchain>}
 */
async function buildAll(context, wanted) {
  const go = await findGo(context.env);
  const version = pinnedCliVersion(context.root);
  const docker = dockerProgram(pluginVersion(wanted, "docker"));
  const [cli] = await Promise.all([
    buildGo(context, go, cliProgram(version)),
    fetchModules(context, go, docker),
  ]);
  const plugins = await fallbackPlugins(context, wanted);
  return { source: "registry", cli: cli.executable, version, plugins };
}

/**
 * @param {PulumiContext} context
 * @param {Wanted} wanted
 * @returns {Promise<Toolchain["plugins"]>}
 */
async function fallbackPlugins(context, wanted) {
  const [docker, postgresql] = [pluginVersion(wanted, "docker"), pluginVersion(wanted, "postgresql")];
  const bridge = await buildGo(context, await findGo(context.env), dockerProgram(docker));
  const script = join(context.root, "toolchain/plugins/postgresql/pulumi-resource-postgresql");
  return {
    docker: { executable: bridge.executable, version: docker, source: "registry" },
    postgresql: { executable: script, version: postgresql, source: "registry" },
  };
}

/**
 * @param {Wanted} wanted
 * @param {string} name
 */
function pluginVersion(wanted, name) {
  return wanted.plugins.find((plugin) => plugin.name === name)?.version ?? "";
}
