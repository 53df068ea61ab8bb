// @ts-check
/**
 * The one entry of a fresh checkout: `node toolchain/main.mjs <command> [arguments]`, behind `npm run up`, `npm
 * test` and so on. Runs on Node >= 18 with nothing installed: does the set-up, then hands over to the right Node.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { handOver } from "./lib/hand-over.mjs";
import { homeFolder } from "./lib/home.mjs";
import { fileProblem, SetupProblem } from "./lib/problem.mjs";
import { endChildren } from "./lib/processes.mjs";
import { setUp } from "./setup.mjs";

/** @typedef {import("./setup.mjs").Needs} Needs */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {Needs} */
const UNIT_TESTS = { pulumi: false, engine: false, baseImage: false, generated: true, quiet: true };

/** @type {Record<string, Needs>} */
const COMMANDS = {
  up: { pulumi: true, engine: true, baseImage: true, generated: false, quiet: false },
  setup: { pulumi: true, engine: true, baseImage: true, generated: true, quiet: false },
  test: { pulumi: true, engine: true, baseImage: true, generated: true, quiet: false },
  down: { pulumi: true, engine: false, baseImage: false, generated: false, quiet: true },
  health: { pulumi: true, engine: false, baseImage: false, generated: false, quiet: true },
  status: { pulumi: true, engine: false, baseImage: false, generated: false, quiet: true },
  vitest: UNIT_TESTS,
};

/**
 * What runs a command after set-up; all others are commands of the command line tool.
 * @type {Record<string, string[]>}
 */
const SCRIPTS = { test: ["toolchain/test.mjs"], vitest: ["node_modules/vitest/vitest.mjs"] };

const USAGE = `usage: node toolchain/main.mjs <${Object.keys(COMMANDS).join("|")}> [arguments]`;

/** The tests that need neither Docker nor Pulumi, when only they are asked for. @param {string[]} args */
function onlyUnitTests(args) {
  const projects = args.flatMap((arg, index) => {
    if (arg.startsWith("--project=")) return [arg.slice("--project=".length)];
    return arg === "--project" ? [args[index + 1]] : [];
  });
  return projects.length > 0 && projects.every((project) => project === "unit");
}

/**
 * @param {string | undefined} command
 * @param {string[]} args
 */
async function main(command, args) {
  const needs = command === undefined ? undefined : COMMANDS[command];
  if (command === undefined || !needs) {
    process.stderr.write(`${command === undefined ? "" : `unknown command: ${command}\n`}${USAGE}\n`);
    return 2;
  }
  // For what is started, too: without one npm makes a folder `~` where it runs, and Go has no cache.
  const home = homeFolder(process.env);
  if (home !== undefined) process.env.HOME = home;
  const light = command === "test" && onlyUnitTests(args);
  const { node } = await setUp({
    root: ROOT,
    env: process.env,
    needs: light ? UNIT_TESTS : needs,
    write: (line) => process.stderr.write(line),
  });
  const environment = join(ROOT, ".poolkit", "env");
  if (command === "setup") {
    process.stdout.write(
      "\nReady. In this shell:\n  . .poolkit/env\nthen pulumi, poolkit and node are this checkout's.\n",
    );
    return 0;
  }
  const script = SCRIPTS[command] ?? ["cli/poolkit.js", command];
  return handOver({
    root: ROOT,
    node,
    environment: existsSync(environment) ? environment : undefined,
    args: [...script, ...args],
  });
}

let interrupted = false;
for (const [signal, code] of /** @type {const} */ ([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
])) {
  process.once(signal, async () => {
    interrupted = true;
    await endChildren();
    process.stderr.write("\nset-up interrupted; the next start goes on from here\n");
    process.exit(code);
  });
}

try {
  process.exitCode = await main(process.argv[2], process.argv.slice(3));
} catch (error) {
  if (!interrupted) {
    const problem = error instanceof SetupProblem ? error : fileProblem(error);
    if (!problem) throw error;
    process.stderr.write(`\n${problem.render()}\n`);
    process.exitCode = 1;
  }
}
