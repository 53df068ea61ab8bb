// @ts-check
import { SetupProblem } from "../lib/problem.mjs";
import { askVersion } from "./api.mjs";
import { installEngine, whyNotInstallable } from "./install.mjs";
import { DEFAULT_HOST, locateEngine } from "./locate.mjs";

/** An engine that is there answers in milliseconds; one behind ssh needs a handshake first. */
const ANSWER_LIMIT_MS = 5_000;

/**
 * What to do about an engine that does not answer. Only an engine that nobody pointed at may be installed or
 * started: an address that the user gave is theirs.
 * @param {{ from: "DOCKER_HOST" | "context" | "socket", host: string, code?: string }} failure
 * @param {string | undefined} notInstallable why set-up cannot install one here
 * @returns {"install" | { fix: string }}
 */
export function decideEngine(failure, notInstallable) {
  if (failure.from === "DOCKER_HOST") {
    return { fix: "start the engine that DOCKER_HOST names, or correct or unset DOCKER_HOST" };
  }
  if (failure.from === "context") {
    return { fix: "start that engine, or choose another: docker context use default" };
  }
  if (failure.code === "EACCES") {
    return {
      fix: `let your user talk to Docker (group docker: sudo usermod -aG docker "$USER", then log in again)`,
    };
  }
  if (failure.host !== DEFAULT_HOST)
    return { fix: "start Docker (Docker Desktop, or: systemctl --user start docker)" };
  return notInstallable ? { fix: notInstallable } : "install";
}

/**
 * Finds Docker Engine, or installs and starts it where that is allowed and possible.
 * @param {{ env: NodeJS.ProcessEnv, cache: string, onLong: (text: string) => void }} context
 */
export async function findEngine({ env, cache, onLong }) {
  const located = locateEngine(env);
  if ("missingContext" in located) {
    throw new SetupProblem("DOCKER_CONTEXT_UNKNOWN", {
      what: `the docker context "${located.missingContext}" does not exist`,
      found: "it is named by DOCKER_CONTEXT or by currentContext in Docker's config.json",
      fix: "docker context ls shows the existing ones; docker context use NAME chooses one",
    });
  }
  const answer = await askVersion(located, ANSWER_LIMIT_MS);
  if ("version" in answer) {
    const how = `Docker Engine ${answer.version} (${located.context ?? located.from}: ${located.host})`;
    return { how, changed: false, value: located };
  }
  const decision = decideEngine({ ...located, code: answer.code }, whyNotInstallable(env));
  if (decision !== "install") {
    throw new SetupProblem("ENGINE_UNREACHABLE", {
      what: "Docker Engine does not answer",
      found: `${located.host} (from ${located.context ? `context ${located.context}` : located.from}): ${answer.reason}`,
      fix: decision.fix,
    });
  }
  const how = await installEngine({ cache, onLong, address: located });
  return { how, changed: true, value: located };
}
