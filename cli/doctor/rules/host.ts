import { enginePlace } from "../../engine.ts";
import type { Place } from "../causes.ts";
import type { Observation } from "../look.ts";
import type { Symptom } from "../symptom.ts";
import { count, duration } from "../text.ts";

/** Used share of the data volume's file system. Postgres stops with PANIC when a WAL file finds no space. */
const diskWarning = 0.9;
const diskFailure = 0.97;
/** A large disk that is as full has room for long: with more free than this it is a warning. */
const diskFailureBytes = 2e9;
/** Clocks further apart than this are not synchronised; looks from here are exact to some milliseconds. */
const clockWarningSeconds = 2;

/** Engine, state, disk and clocks. */
export function hostSymptoms(seen: Observation, { stack }: Place): Symptom[] {
  return [...engine(seen), ...state(seen, stack), ...disk(seen), ...clocks(seen)];
}

function engine({ engine, deployed }: Observation): Symptom[] {
  if (engine.ok) return [];
  const place = enginePlace(deployed.ok ? deployed.seen.dockerHost : undefined);
  const evidence = `Docker Engine does not answer at ${place}: ${engine.message}`;
  return [{ cause: "engine_unreachable", severity: "fail", evidence }];
}

function state({ deployed }: Observation, stack: string): Symptom[] {
  if (!deployed.ok) {
    return [{ cause: "state_unreadable", severity: "fail", evidence: `stack ${stack}: ${deployed.message}` }];
  }
  const { outputs, pendingOperations } = deployed.seen;
  const symptoms: Symptom[] = [];
  if (outputs.databaseUrl === undefined) {
    const evidence = `stack ${stack} has no outputs: it was never deployed to its end; only the engine was looked at`;
    symptoms.push({ cause: "not_deployed", severity: "fail", evidence });
  } else if (outputs.monitorUrl === undefined || outputs.consoleUrl === undefined) {
    const evidence = `stack ${stack} has no outputs monitorUrl and consoleUrl: it was deployed by an older version`;
    symptoms.push({
      cause: "monitoring_incomplete",
      severity: "warn",
      evidence,
      command: `npx poolkit up -s ${stack}`,
    });
  }
  if (pendingOperations > 0) {
    const evidence = `${count(pendingOperations, "step", "steps")} of an update began and ${pendingOperations === 1 ? "has" : "have"} not ended`;
    symptoms.push({ cause: "update_interrupted", severity: "warn", evidence });
  }
  return symptoms;
}

function disk({ disk, containers: { postgres } }: Observation): Symptom[] {
  const symptoms: Symptom[] = [];
  const lines = postgres.ok ? (postgres.seen?.lastLines ?? []) : [];
  if (lines.some((line) => line.includes("No space left on device"))) {
    const evidence = "Postgres ended with: No space left on device";
    symptoms.push({ cause: "disk_full", severity: "fail", evidence });
  }
  if (!disk.ok) return symptoms;
  const { usedBytes, availableBytes } = disk.seen;
  const share = usedBytes / Math.max(1, usedBytes + availableBytes);
  if (share < diskWarning) return symptoms;
  const evidence = `the file system of the data volume is ${Math.floor(share * 100)} % full, ${Math.floor(availableBytes / 1e6)} MB free`;
  const isFull = share >= diskFailure && availableBytes < diskFailureBytes;
  return [...symptoms, { cause: "disk_full", severity: isFull ? "fail" : "warn", evidence }];
}

function clocks({ engine, postgres }: Observation): Symptom[] {
  const clocks: [string, number | undefined][] = [
    ["Docker Engine", engine.ok ? engine.seen.clockAheadSeconds : undefined],
    ["Postgres", postgres?.ok ? postgres.seen.clockAheadSeconds : undefined],
  ];
  return clocks.flatMap(([name, ahead]): Symptom[] => {
    if (ahead === undefined || Math.abs(ahead) < clockWarningSeconds) return [];
    const evidence = `the clock of ${name} is ${duration(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} this machine's`;
    return [{ cause: "clock_skew", severity: "warn", evidence }];
  });
}
