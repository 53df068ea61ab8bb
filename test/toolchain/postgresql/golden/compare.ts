import { isDeepStrictEqual } from "node:util";
import type { Json, Step } from "./json.ts";

/** Bookkeeping of the bridge behind the official plugin: how its state differs from the upstream provider's. */
const IGNORED_KEYS = new Set(["__pulumi_raw_state_delta"]);

/** What was seen of a step. */
export interface Seen {
  response: Json;
  seconds: number;
  warnings: string[];
  database: Json;
}

/** The places where a step differs from the recorded one, as lines of text. */
export function compareStep(step: Step, seen: Seen, where: string): string[] {
  const lines = [
    ...differences(withoutIgnored(step.response), withoutIgnored(seen.response), `${where}.response`),
    ...differences(step.database ?? [], seen.database, `${where}.database`),
    ...differences(step.warnings ?? [], seen.warnings, `${where}.warnings`),
  ];
  const [least, most] = step.seconds ?? [0, Number.POSITIVE_INFINITY];
  if (seen.seconds < least || seen.seconds > most) {
    lines.push(`${where}.seconds: expected ${least} to ${most}, took ${seen.seconds}`);
  }
  return lines;
}

function withoutIgnored(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutIgnored);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !IGNORED_KEYS.has(key));
  return Object.fromEntries(kept.map(([key, element]) => [key, withoutIgnored(element)]));
}

function differences(expected: Json | undefined, actual: Json | undefined, where: string): string[] {
  if (isDeepStrictEqual(expected, actual)) return [];
  if (isObject(expected) && isObject(actual) && Array.isArray(expected) === Array.isArray(actual)) {
    const [before, after] = [new Map(Object.entries(expected)), new Map(Object.entries(actual))];
    const keys = new Set([...before.keys(), ...after.keys()]);
    return [...keys].flatMap((key) => differences(before.get(key), after.get(key), `${where}.${key}`));
  }
  return [`${where}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
}

function isObject(value: Json | undefined): value is Json[] | { [key: string]: Json } {
  return typeof value === "object" && value !== null;
}
