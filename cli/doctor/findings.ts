import { causes, isKnown, type Place, weightOf } from "./causes.ts";
import type { Observation } from "./look.ts";
import { containerSymptoms } from "./rules/containers.ts";
import { driftSymptoms } from "./rules/drift.ts";
import { hostSymptoms } from "./rules/host.ts";
import { healthSymptoms, pathSymptoms } from "./rules/path.ts";
import { poolerSymptoms } from "./rules/pooler.ts";
import { sessionSymptoms } from "./rules/sessions.ts";
import type { Severity, Symptom } from "./symptom.ts";

/** One thing that is wrong: its cause, all its signs, what to do. */
export interface Finding {
  readonly severity: Severity;
  readonly cause: string;
  readonly evidence: readonly string[];
  readonly advice: string;
  readonly command: string;
}

/** What holds server connections when the pool is exhausted. */
const holders = new Set(["idle_in_transaction", "lock_wait", "slow_queries"]);

/** Everything that is wrong in what was seen, failures first, the root cause before what follows from it. */
export function findingsOf(seen: Observation, place: Place): Finding[] {
  return findingsIn(
    [
      ...hostSymptoms(seen, place),
      ...containerSymptoms(seen, place),
      ...pathSymptoms(seen),
      ...poolerSymptoms(seen, place),
      ...sessionSymptoms(seen, place),
      ...driftSymptoms(seen, place),
      // Last, so that what was seen here, with its process ids, stands before what the application says.
      ...healthSymptoms(seen),
    ],
    place,
  );
}

/** A second update beside one that may be running only meets its lock, whose message says how to cancel that one. */
const updates = /\b(poolkit|pulumi) up\b/;

/** One finding per cause: the worst severity, all evidence, the first exact command. */
export function findingsIn(symptoms: readonly Symptom[], place: Place): Finding[] {
  const byCause = Map.groupBy(symptoms, ({ cause }) => cause);
  const isExhausted = byCause.get("pgbouncer_pool_exhausted")?.some(({ severity }) => severity === "fail");
  const safe = (command: string) =>
    byCause.has("update_interrupted") && updates.test(command)
      ? causes.update_interrupted.command()
      : command;
  const findings = [...byCause].map(([cause, signs]): Finding => {
    const known = isKnown(cause) ? causes[cause] : undefined;
    const isHolder = isExhausted === true && holders.has(cause);
    return {
      severity: isHolder || signs.some(({ severity }) => severity === "fail") ? "fail" : "warn",
      cause,
      evidence: [...new Set(signs.map(({ evidence }) => evidence))],
      advice:
        (signs.length === 1 ? signs[0]?.advice : undefined) ??
        known?.advice(place) ??
        "See the application's health and log.",
      command: safe(
        signs.find(({ command }) => command !== undefined)?.command ??
          known?.command(place) ??
          `npx poolkit health --json -s ${place.stack}`,
      ),
    };
  });
  const rank = ({ severity }: Finding) => (severity === "fail" ? 0 : 1);
  return findings.sort((a, b) => rank(a) - rank(b) || weightOf(a.cause) - weightOf(b.cause));
}

/** 0: nothing found, 1: warnings only, 2: a failure. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ severity }) => severity === "fail")) return 2;
  return findings.length > 0 ? 1 : 0;
}
