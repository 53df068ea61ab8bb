// @ts-check
/**
 * What `npm test` runs when set-up is done: the static checks, then vitest, and at the end one line `N passed, N
 * failed` over both, each static check counting as one. Arguments go to vitest (`npm test -- --project unit`).
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readIfPresent, removeTree } from "./lib/files.mjs";
import { countTests, secondTries, summaryLine } from "./test-summary.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOMS = [
  "infra",
  "provider",
  "pgbouncer",
  "observability",
  "app",
  "cli",
  "toolchain",
  "docs",
  "test",
  "bench",
];

/**
 * The first one before the others: the build generates the client that the type check needs and the bundle that tests
 * look at. The others look at different things and run side by side.
 * @type {[name: string, script: string, args: string[]][]}
 */
const CHECKS = [
  ["application bundle", "app/build.mjs", []],
  ["type check", "node_modules/typescript/bin/tsc", ["--noEmit", "-p", "."]],
  [
    "type check of the page's script",
    "node_modules/typescript/bin/tsc",
    ["--noEmit", "-p", "app/page/browser"],
  ],
  ["Biome", "node_modules/@biomejs/biome/bin/biome", ["ci", "."]],
  [
    "import directions",
    "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs",
    ["--config", ".dependency-cruiser.mjs", ...ROOMS.filter((room) => existsSync(join(ROOT, room)))],
  ],
];

/**
 * Runs a script of the checkout by the Node that runs us.
 * @param {string} script
 * @param {string[]} args
 * @param {"inherit" | "pipe"} output
 * @returns {Promise<{ code: number, output: string }>}
 */
function runScript(script, args, output) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], {
      cwd: ROOT,
      stdio: ["ignore", output, output],
    });
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      text += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: text }));
  });
}

/** @param {(typeof CHECKS)[number]} check */
async function staticCheck([name, script, args]) {
  const begin = performance.now();
  const { code, output } = await runScript(script, args, "pipe");
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)\n`);
  if (code !== 0) process.stdout.write(`${output.trimEnd()}\n\n`);
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

async function staticChecks() {
  const [first, ...others] = CHECKS;
  const results = first === undefined ? [] : [await staticCheck(first)];
  return [...results, ...(await Promise.all(others.map(staticCheck)))];
}

/** @param {string[]} args */
async function vitest(args) {
  const report = join(ROOT, ".poolkit", "vitest.json");
  mkdirSync(dirname(report), { recursive: true });
  removeTree(report); // a report of an earlier run must not count
  const reporters = [
    "--reporter=default",
    "--reporter=./toolchain/slowest-files.mjs",
    ...["--reporter=json", `--outputFile.json=${report}`],
  ];
  const { code } = await runScript(
    "node_modules/vitest/vitest.mjs",
    ["run", ...reporters, ...args],
    "inherit",
  );
  const text = readIfPresent(report);
  const parsed = text === undefined ? undefined : JSON.parse(text);
  for (const test of secondTries(parsed)) process.stdout.write(`passed only on its second try: ${test}\n`);
  return countTests(parsed, code);
}

/** A day of tests leaves as much; what is in use is compiled again in a second. */
const MAX_COMPILED_FILES = 25_000;

/** The copies of the checkout that end-to-end tests make and remove leave compiled code behind that nobody reads again. */
function trimCompiledCode() {
  const folder = join(ROOT, ".poolkit", "compile-cache");
  if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > MAX_COMPILED_FILES) {
    removeTree(folder);
  }
}

trimCompiledCode();
const counts = [...(await staticChecks()), await vitest(process.argv.slice(2))];
process.stdout.write(`\n${summaryLine(counts)}\n`);
process.exitCode = counts.some(({ failed }) => failed > 0) ? 1 : 0;
