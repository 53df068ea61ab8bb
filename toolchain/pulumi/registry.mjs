// @ts-check
import { join } from "node:path";
import { cacheEntry, cacheKey, sourcesIn } from "../lib/cache.mjs";
import { isExecutable, readIfPresent } from "../lib/files.mjs";
import { SetupProblem } from "../lib/problem.mjs";
import { lastLines, run } from "../lib/processes.mjs";
import { compareVersions, parseVersion } from "../lib/versions.mjs";

/** The language version that the modules in go.mod ask for. */
const GO_MINIMUM = /** @type {import("../lib/versions.mjs").Version} */ ([1, 26, 0]);
const BUILD_LIMIT_MS = 1_800_000;
/** Exactly the modules of go.mod and the compiler that is here, whatever the user's Go is set to. */
const GO_SETTINGS = { GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "local", GOWORK: "off" };

/** @typedef {{ command: string, version: string }} Go */
/** @typedef {{ cache: string, root: string, onLong: (text: string) => void }} BuildContext */

/**
 * @typedef {object} GoProgram
 * @property {string} name of the executable
 * @property {string} source folder of go.mod, in the checkout
 * @property {string} target package to build
 * @property {string[]} flags build flags, pinned
 * @property {Record<string, string>} env
 * @property {string} effort what a person may expect
 */

/**
 * Pulumi's real command line and engine, compiled from its Go module.
 * @param {string} version as in go.mod, without the v
 * @returns {GoProgram}
 */
export function cliProgram(version) {
  const stamp = `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`;
  return {
    name: "pulumi",
    source: "toolchain/cli",
    target: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    flags: ["-trimpath", "-buildvcs=false", "-tags=osusergo,grpcnotrace", `-ldflags=-s -w ${stamp}`],
    env: { CGO_ENABLED: "0" },
    effort: "3 to 6 min, once",
  };
}

/**
 * The docker provider plugin, compiled from the bridge and the upstream provider.
 * @param {string} version of the npm package @pulumi/docker
 * @returns {GoProgram}
 */
export function dockerProgram(version) {
  return {
    name: "pulumi-resource-docker",
    source: "toolchain/plugins/docker",
    target: ".",
    flags: ["-trimpath", "-buildvcs=false", "-tags=no_compose", `-ldflags=-s -w -X main.version=${version}`],
    env: { CGO_ENABLED: "0" },
    effort: "2 to 3 min, once",
  };
}

/**
 * The Pulumi version that toolchain/cli/go.mod pins.
 * @param {string} root
 */
export function pinnedCliVersion(root) {
  const module = readIfPresent(join(root, "toolchain/cli/go.mod")) ?? "";
  const version = /pulumi\/pkg\/v3 v(\d+\.\d+\.\d+)/.exec(module)?.[1];
  if (!version) throw new Error("toolchain/cli/go.mod does not name github.com/pulumi/pulumi/pkg/v3");
  return version;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Go>}
 */
export async function findGo(env) {
  const folders = [
    ...(env.PATH ?? "").split(":"),
    "/usr/local/go/bin",
    "/usr/lib/go/bin",
    "/opt/homebrew/bin",
  ];
  const command = folders
    .filter(Boolean)
    .map((folder) => join(folder, "go"))
    .find(isExecutable);
  const output = command ? (await run(command, ["version"], { timeoutMs: 20_000 })).stdout.trim() : "";
  const version = parseVersion(output);
  if (command && version && compareVersions(version, GO_MINIMUM) >= 0) return { command, version: output };
  throw new SetupProblem("GO_ABSENT", {
    what: `the official Pulumi download is out of reach, and building it needs Go >= ${GO_MINIMUM.join(".")}`,
    found: command ? `${command}: ${output || "does not start"}` : "no go on PATH",
    fix: "install Pulumi (https://www.pulumi.com/docs/iac/download-install/) or Go, or give access to get.pulumi.com",
  });
}

/**
 * Fetches the modules of a program while another one compiles: this waits for the network, that for processors. A
 * failure says nothing here; the build will meet it again and explain it.
 * @param {BuildContext} context
 * @param {Go} go
 * @param {GoProgram} program
 */
export async function fetchModules({ root }, go, program) {
  const env = { ...process.env, ...program.env, ...GO_SETTINGS };
  const args = ["list", "-deps", ...program.flags.filter((flag) => flag.startsWith("-tags")), program.target];
  await run(go.command, args, { cwd: join(root, program.source), env, timeoutMs: BUILD_LIMIT_MS });
}

/**
 * A Go program of the fallback toolchain, from the cache or compiled now. What it is made from is its name in the
 * cache: sources, flags, compiler, platform.
 * @param {BuildContext} context
 * @param {Go} go
 * @param {GoProgram} program
 * @returns {Promise<{ executable: string, built: boolean }>}
 */
export async function buildGo({ cache, root, onLong }, go, program) {
  const source = join(root, program.source);
  const key = cacheKey(program.name, {
    ...sourcesIn(source, (path) => /\.go$|(^|\/)go\.(mod|sum)$/.test(path)),
    build: JSON.stringify([program.target, program.flags, program.env]),
    compiler: go.version, // names the platform too: "go version go1.26.8 linux/amd64"
  });
  const { folder, built } = await cacheEntry(
    cache,
    key,
    async (target) => {
      onLong(`compiling ${program.name} from Go modules (${program.effort})`);
      const output = join(target, program.name);
      const env = { ...process.env, ...program.env, ...GO_SETTINGS };
      const done = await run(go.command, ["build", ...program.flags, "-o", output, program.target], {
        cwd: source,
        env,
        timeoutMs: BUILD_LIMIT_MS,
      });
      if (done.code === 0 && isExecutable(output)) return;
      throw new SetupProblem("GO_BUILD_FAILED", {
        what: `compiling ${program.name} failed`,
        found: done.timedOut ? `no end after ${BUILD_LIMIT_MS / 60_000} min` : lastLines(done.output),
        fix: "check that Go reaches its module proxy (go env GOPROXY) and that the disk has 6 GB free, then start again: finished parts are kept",
      });
    },
    (holder) => onLong(`${holder} compiles ${program.name} already; waiting`),
  );
  return { executable: join(folder, program.name), built };
}
