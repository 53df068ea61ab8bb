// @ts-check
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfPresent } from "../lib/files.mjs";
import { withLock } from "../lib/lock.mjs";
import { SetupProblem } from "../lib/problem.mjs";
import { lastLines, run } from "../lib/processes.mjs";
import { askVersion } from "./api.mjs";
import { aptInstall, isDebianFamily } from "./apt.mjs";

const START_LIMIT_MS = 60_000;
const PROBE_MS = 250;
const INSTALL_YOURSELF =
  "install Docker Engine (https://docs.docker.com/engine/install/) or Docker Desktop and start it";

/**
 * Why set-up must or can not install Docker Engine here, as advice to the person; undefined when it may and can.
 * @param {NodeJS.ProcessEnv} env
 */
export function whyNotInstallable(env) {
  if (env.POOLKIT_INSTALL === "never") {
    return `${INSTALL_YOURSELF}; POOLKIT_INSTALL=never forbids set-up to do it`;
  }
  if (process.platform !== "linux" || !isDebianFamily(readIfPresent("/etc/os-release") ?? ""))
    return INSTALL_YOURSELF;
  if (process.getuid?.() !== 0) {
    return `start it (sudo systemctl start docker), or install it (sudo apt-get install docker.io), or start this as root`;
  }
  return undefined;
}

/**
 * Installs Debian's Docker Engine when there is none, starts it when it does not run, and waits until it answers.
 * It goes on running after we end.
 * @param {{ cache: string, address: import("./locate.mjs").EngineAddress, onLong: (text: string) => void }} context
 * @returns {Promise<string>} what was done
 */
export function installEngine({ cache, address, onLong }) {
  const onWait = () => onLong("another set-up installs Docker Engine; waiting");
  return withLock(join(cache, "engine.lock"), { onWait }, async () => {
    const missing = !existsSync("/usr/bin/dockerd") && !existsSync("/usr/sbin/dockerd");
    if (missing) {
      onLong("no Docker Engine here: apt-get install docker.io iptables (POOLKIT_INSTALL=never forbids it)");
      await aptInstall(["docker.io", "iptables"]);
    }
    const log = join(cache, "dockerd.log");
    let answer = await askVersion(address, 1_000); // the package may have started it
    if (!("version" in answer)) {
      onLong(`starting Docker Engine (log: ${log})`);
      const hasEnded = await startEngine(log);
      const deadline = performance.now() + START_LIMIT_MS;
      while (!("version" in answer)) {
        if (hasEnded() || performance.now() > deadline) {
          throw new SetupProblem("ENGINE_NOT_STARTED", {
            what: "Docker Engine was started and does not answer",
            found: lastLines(readIfPresent(log) ?? answer.reason),
            fix: `read ${log}; a container that runs this must be privileged to run Docker Engine`,
          });
        }
        await sleep(PROBE_MS);
        answer = await askVersion(address, 1_000);
      }
    }
    return `Docker Engine ${answer.version} (${missing ? "installed docker.io and started" : "started"})`;
  });
}

/**
 * Through systemd where it runs, else the daemon itself in a session of its own. A pid file that a killed daemon
 * left behind is the daemon's own business: it looks whether that process exists.
 * @param {string} log
 * @returns {Promise<() => boolean>} tells whether the daemon has ended again
 */
async function startEngine(log) {
  if (existsSync("/run/systemd/system")) {
    await run("systemctl", ["start", "docker"], { timeoutMs: START_LIMIT_MS });
    return () => false;
  }
  mkdirSync(join(log, ".."), { recursive: true });
  const output = openSync(log, "a");
  const daemon = spawn("dockerd", [], { detached: true, stdio: ["ignore", output, output] });
  let ended = false;
  daemon.on("error", () => {
    ended = true;
  });
  daemon.on("exit", () => {
    ended = true;
  });
  daemon.unref();
  return () => ended;
}
