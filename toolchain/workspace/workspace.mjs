// @ts-check
import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DEFAULT_HOST } from "../engine/locate.mjs";
import { linkHard, linkSymbolic, removeTree, temporaryName, writeAtomic } from "../lib/files.mjs";
import { isCode } from "../lib/lock.mjs";
import { quote, renderEnvFile } from "./env-file.mjs";

/** @typedef {import("../pulumi/pulumi.mjs").Toolchain} Toolchain */
/** @typedef {import("../engine/locate.mjs").EngineAddress} EngineAddress */

/**
 * Writes `.poolkit/` of the checkout, where everything of Pulumi lives: home, state, passphrase, programs, env.
 * Nothing of the user's own ~/.pulumi is touched. Safe to repeat; only differences are written.
 * @param {{ root: string, node: string, toolchain: Toolchain, engine: EngineAddress | undefined,
 *   launcherVersion: string }} context
 */
export async function writeWorkspace({ root, node, toolchain, engine, launcherVersion }) {
  const folder = join(root, ".poolkit");
  mkdirSync(join(folder, "state"), { recursive: true });
  chmodSync(join(folder, "state"), 0o700);
  createPassphrase(join(folder, "passphrase"));

  const home = join(folder, "pulumi-home");
  const cli = placeCli({ root, node, toolchain, home, launcherVersion });
  placePlugins({ node, toolchain, home });

  const bin = join(folder, "bin");
  linkSymbolic(cli, join(bin, "pulumi"));
  linkSymbolic(node, join(bin, "node"));
  writeAtomic(join(bin, "poolkit"), wrapper(node, node, [join(root, "cli/poolkit.js")]), 0o755);
  writeAtomic(
    join(folder, "env"),
    renderEnvFile({
      root,
      closedNetwork: toolchain.source === "registry",
      engine: engine && engine.from !== "DOCKER_HOST" && engine.host !== DEFAULT_HOST ? engine : undefined,
    }),
    0o644,
  );
  return { how: ".poolkit/ of this checkout", changed: false, value: undefined };
}

/**
 * Puts the CLI where npm's launcher looks (`npx pulumi`), so that it downloads nothing. The compiled one gets the
 * Node language host as its neighbour, where the engine looks for it: the engine follows symbolic links from its
 * own file, so it has to be a file of that folder.
 * @param {{ root: string, node: string, toolchain: Toolchain, home: string, launcherVersion: string }} context
 * @returns {string} the path to start it by
 */
function placeCli({ root, node, toolchain, home, launcherVersion }) {
  const bin = join(home, "versions", launcherVersion, "bin");
  const cli = join(bin, "pulumi");
  const host = join(bin, "pulumi-language-nodejs");
  if (toolchain.source !== "registry") {
    linkSymbolic(toolchain.cli, cli);
    removeTree(host); // of an earlier compiled CLI: the official one has its own
    return toolchain.cli;
  }
  linkHard(toolchain.cli, cli);
  const script = join(root, "toolchain/plugins/nodejs/pulumi-language-nodejs.mjs");
  writeAtomic(host, wrapper(node, node, [script]), 0o755);
  return cli;
}

/**
 * The engine takes only real folders of exactly the version of the npm package for plugins.
 * @param {{ node: string, toolchain: Toolchain, home: string }} context
 */
function placePlugins({ node, toolchain, home }) {
  const folder = join(home, "plugins");
  mkdirSync(folder, { recursive: true });
  for (const [name, { executable, version }] of Object.entries(toolchain.plugins)) {
    const current = `resource-${name}-v${version}`;
    for (const present of readdirSync(folder)) {
      if (present.startsWith(`resource-${name}-v`) && present !== current) removeTree(join(folder, present));
    }
    writeAtomic(join(folder, current, `pulumi-resource-${name}`), wrapper(node, executable, []), 0o755);
  }
}

/**
 * A program that starts another one with the right Node first on PATH, whatever the caller's PATH is.
 * @param {string} node
 * @param {string} executable
 * @param {string[]} args
 */
function wrapper(node, executable, args) {
  const command = [executable, ...args].map(quote).join(" ");
  return `#!/bin/sh\n# Written by set-up (npm run setup).\nPATH=${quote(dirname(node))}:"$PATH" exec ${command} "$@"\n`;
}

/** A random passphrase for the stacks' secrets, made once and never overwritten. @param {string} path */
function createPassphrase(path) {
  const temporary = temporaryName(path);
  writeFileSync(temporary, randomBytes(32).toString("base64url"), { mode: 0o600 });
  try {
    linkSync(temporary, path); // fails when it exists: the present one stays
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  } finally {
    removeTree(temporary);
  }
}
