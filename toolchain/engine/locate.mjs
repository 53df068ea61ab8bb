// @ts-check
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readIfPresent } from "../lib/files.mjs";
import { homeFolder } from "../lib/home.mjs";

/** Where Docker's own clients look when nobody says anything else. */
export const DEFAULT_HOST = "unix:///var/run/docker.sock";

/**
 * @typedef {object} EngineAddress
 * @property {string} host as in DOCKER_HOST: unix://, tcp://, ssh://
 * @property {"DOCKER_HOST" | "context" | "socket"} from what gave it
 * @property {string} [context] name of the docker context
 * @property {string} [certificates] folder with ca.pem, cert.pem, key.pem (TLS)
 */

/**
 * The one engine that Docker's own client would talk to, in the same order: `DOCKER_HOST`, `DOCKER_CONTEXT`, the
 * current context of `~/.docker/config.json`, the default socket; and where that does not exist, the user's own
 * one (Docker Desktop without the system link, rootless Docker).
 * @param {NodeJS.ProcessEnv} env
 * @returns {EngineAddress | { missingContext: string }}
 */
export function locateEngine(env) {
  const home = homeFolder(env) ?? "/nonexistent";
  const isOwnNote = env.DOCKER_HOST === env.POOLKIT_DOCKER_HOST; // what .poolkit/env has set for the user
  if (env.DOCKER_HOST && !isOwnNote) {
    const certificates = env.DOCKER_TLS_VERIFY ? (env.DOCKER_CERT_PATH ?? join(home, ".docker")) : undefined;
    return { host: env.DOCKER_HOST, from: "DOCKER_HOST", certificates };
  }

  const config = env.DOCKER_CONFIG ?? join(home, ".docker");
  const context = env.DOCKER_CONTEXT || currentContext(config);
  if (context && context !== "default") {
    return endpointOf(config, context) ?? { missingContext: context };
  }
  const own = [
    DEFAULT_HOST,
    `unix://${join(home, ".docker/run/docker.sock")}`,
    ...(env.XDG_RUNTIME_DIR ? [`unix://${join(env.XDG_RUNTIME_DIR, "docker.sock")}`] : []),
  ].find((host) => existsSync(host.slice("unix://".length)));
  return { host: own ?? DEFAULT_HOST, from: "socket" };
}

/** @param {string} config Docker's configuration folder */
function currentContext(config) {
  const parsed = parseJson(readIfPresent(join(config, "config.json")));
  return typeof parsed?.currentContext === "string" ? parsed.currentContext : undefined;
}

/**
 * @param {string} config Docker's configuration folder
 * @param {string} context
 * @returns {EngineAddress | undefined}
 */
function endpointOf(config, context) {
  const id = createHash("sha256").update(context).digest("hex");
  const meta = parseJson(readIfPresent(join(config, "contexts/meta", id, "meta.json")));
  const host = meta?.Endpoints?.docker?.Host;
  if (typeof host !== "string" || host === "") return undefined;
  const tls = join(config, "contexts/tls", id, "docker");
  return { host, from: "context", context, certificates: existsSync(tls) ? tls : undefined };
}

/** @param {string | undefined} text */
function parseJson(text) {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined; // Docker's client ignores a broken file too, with a warning
  }
}
