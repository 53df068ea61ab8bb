import type { Place } from "../causes.ts";
import type { Observation } from "../look.ts";
import { type Component, type ContainerSeen, components, observers } from "../look-engine.ts";
import type { Symptom } from "../symptom.ts";
import { count, duration, oneLine } from "../text.ts";

/** A start by the restart policy counts as news for so long. */
const freshRestartSeconds = 600;
const memoryWarning = 0.9;

export const goneCause: Readonly<Record<Component, string>> = {
  postgres: "postgres_unreachable",
  pgbouncer: "pgbouncer_unreachable",
  app: "app_unreachable",
};

/** What the engine says of the stack's containers. */
export function containerSymptoms(seen: Observation, place: Place): Symptom[] {
  if (!seen.engine.ok) return [];
  const symptoms = components.flatMap((component): Symptom[] => {
    const looked = seen.containers[component];
    const name = place.names[component];
    if (!looked.ok) {
      const evidence = `container ${name} cannot be inspected: ${looked.message}`;
      return [{ cause: "monitoring_incomplete", severity: "warn", evidence }];
    }
    if (looked.seen === null) {
      const command = `npx poolkit up -s ${place.stack}`;
      const evidence = `container ${name} does not exist`;
      return [{ cause: goneCause[component], severity: "fail", evidence, command }];
    }
    return looked.seen.state === "running"
      ? running(looked.seen, isAnswering(seen, component), goneCause[component])
      : notRunning(looked.seen, goneCause[component]);
  });
  return [...symptoms, ...observerSymptoms(seen, place), ...outOfMemory(seen)];
}

/** Prometheus and its exporters: nobody's requests need them, so nothing of theirs is a failure. */
function observerSymptoms(seen: Observation, place: Place): Symptom[] {
  const cause = "monitoring_incomplete";
  return observers.flatMap((observer): Symptom[] => {
    const looked = seen.observers[observer];
    if (looked === undefined) return [];
    const name = place.names[observer];
    if (!looked.ok) {
      const evidence = `container ${name} cannot be inspected: ${looked.message}`;
      return [{ cause, severity: "warn", evidence }];
    }
    if (looked.seen === null) {
      const command = `npx poolkit up -s ${place.stack}`;
      return [{ cause, severity: "warn", evidence: `container ${name} does not exist`, command }];
    }
    const symptoms =
      looked.seen.state === "running" ? running(looked.seen, false, cause) : notRunning(looked.seen, cause);
    return symptoms.map((symptom) => ({ ...symptom, severity: "warn" }));
  });
}

function notRunning(container: ContainerSeen, cause: string): Symptom[] {
  const { name, state, exitCode, sinceSeconds, restarts, oomKilled, lastLines } = container;
  if (state === "paused") {
    const evidence = `container ${name} is paused`;
    return [{ cause, severity: "fail", evidence, command: `docker unpause ${name}` }];
  }
  const since = `${duration(sinceSeconds)} ago`;
  const evidence =
    state === "restarting"
      ? `container ${name} restarts again and again: ${count(restarts, "restart", "restarts")}, last exit code ${exitCode} ${since}`
      : `container ${name} is stopped: exit code ${exitCode}, ${since}`;
  const command = state === "restarting" ? `docker logs --tail 50 ${name}` : `docker start ${name}`;
  const symptoms: Symptom[] = [{ cause, severity: "fail", evidence, command }];
  // Only lines in which a server says why it ends: others may hold statements of its users.
  const reason = exitCode === 0 ? undefined : lastLines.findLast((line) => /\b(FATAL|PANIC)\b/.test(line));
  if (reason !== undefined) {
    symptoms.push({ cause, severity: "fail", evidence: `its last words: ${oneLine(reason)}` });
  }
  if (oomKilled) {
    const evidence = `container ${name} was killed at its memory limit, ${since}`;
    symptoms.push({ cause: "out_of_memory", severity: "fail", evidence });
  }
  return symptoms;
}

function running(container: ContainerSeen, answers: boolean, cause: string): Symptom[] {
  const { name, restarts, sinceSeconds, failingCheck, memory, network, isOnNetwork, alias, hasAlias } =
    container;
  const symptoms: Symptom[] = [];
  if (!isOnNetwork || !hasAlias) {
    const connect = `docker network connect --alias ${alias} ${network} ${name}`;
    symptoms.push({
      cause: "dns",
      severity: "fail",
      evidence: isOnNetwork
        ? `container ${name} has no alias ${alias} in the network ${network}: nobody there finds it`
        : `container ${name} is not attached to the network ${network}: no name resolves in it, and nobody finds it`,
      command: isOnNetwork ? `docker network disconnect ${network} ${name} && ${connect}` : connect,
    });
  }
  if (restarts > 0 && sinceSeconds < freshRestartSeconds) {
    const evidence = `container ${name} was restarted ${count(restarts, "time", "times")}, last ${duration(sinceSeconds)} ago`;
    const command = `docker logs --tail 50 ${name}`;
    symptoms.push({ cause: "container_restarting", severity: "warn", evidence, command });
  }
  // Where the service answers, the check is late: it runs every ten seconds only.
  if (failingCheck !== null && !answers) {
    const evidence = `the health check of container ${name} fails${failingCheck === "" ? "" : `: ${oneLine(failingCheck)}`}`;
    symptoms.push({ cause, severity: "fail", evidence });
  }
  if (memory !== null && memory.usedBytes >= memoryWarning * memory.limitBytes) {
    const [used, limit] = [memory.usedBytes, memory.limitBytes].map((bytes) => Math.round(bytes / 2 ** 20));
    const evidence = `container ${name} uses ${used} of ${limit} MiB`;
    symptoms.push({ cause: "out_of_memory", severity: "warn", evidence });
  }
  return symptoms;
}

/** Whether a look of ours got an answer of the component itself, good or bad. */
function isAnswering(seen: Observation, component: Component): boolean {
  switch (component) {
    case "postgres":
      return seen.postgres?.ok === true;
    case "pgbouncer":
      return seen.console?.ok === true;
    case "app":
      return seen.health?.reached === true;
  }
}

function outOfMemory({ outOfMemory }: Observation): Symptom[] {
  if (!outOfMemory.ok) return [];
  const byContainer = Map.groupBy(outOfMemory.seen, ({ container }) => container);
  return [...byContainer].map(([name, events]): Symptom => {
    const last = Math.min(...events.map(({ secondsAgo }) => secondsAgo));
    const evidence = `container ${name} ran out of memory ${count(events.length, "time", "times")}, last ${duration(last)} ago`;
    return { cause: "out_of_memory", severity: "warn", evidence };
  });
}
