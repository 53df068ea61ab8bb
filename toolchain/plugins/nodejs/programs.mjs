// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { programCommand } from "./command.mjs";

/** `cmd/run` of @pulumi/pulumi ends with this code when it has already told the engine what went wrong. */
const ALREADY_REPORTED = 32;
/** A program that does not end by itself so long after it was asked to is killed: before the engine, after 5 s, kills us. */
const GRACE_MS = 4_000;

/** The Pulumi programs (Node processes) that this language host runs for the engine. */
export class Programs {
  /** @type {Set<import("node:child_process").ChildProcess>} */
  running = new Set();

  /** @param {string} engineAddress gRPC address of the engine, host:port */
  constructor(engineAddress) {
    this.engineAddress = engineAddress;
  }

  /**
   * Runs a program to its end. Its output goes to ours, which the engine shows.
   * @param {import("@pulumi/pulumi/proto/language_pb.js").RunRequest} request
   * @returns {Promise<{ error?: string, bail?: boolean }>} bail: it failed and has told why already
   */
  async run(request) {
    const folder = request.getInfo()?.getProgramDirectory() || request.getPwd();
    const { args, env } = programCommand(request, {
      engineAddress: this.engineAddress,
      runner: findRunner(folder),
    });
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...env },
    });
    this.running.add(child);
    return new Promise((resolve) => {
      child.on("error", (error) => {
        this.running.delete(child);
        resolve({ error: `the program could not be started: ${error.message}` });
      });
      child.on("exit", (code, signal) => {
        this.running.delete(child);
        if (code === 0) resolve({});
        else if (code === ALREADY_REPORTED) resolve({ bail: true });
        else
          resolve({
            error: `Program exited with ${code === null ? `signal ${signal}` : `non-zero exit code: ${code}`}`,
          });
      });
    });
  }

  /** Asks all programs to end, kills those that do not, and waits for their end. */
  async end() {
    const ends = [...this.running].map(async (child) => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      await ended;
      clearTimeout(kill);
    });
    await Promise.all(ends);
  }
}

/**
 * The SDK's own runner, of the SDK that the program itself loads.
 * @param {string} folder program directory
 */
function findRunner(folder) {
  const sdk = createRequire(join(folder, "package.json")).resolve("@pulumi/pulumi/package.json");
  return join(dirname(sdk), "cmd", "run", "index.js");
}
