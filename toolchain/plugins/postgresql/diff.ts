import { isDeepStrictEqual } from "node:util";
import type { Field, Fields, State } from "./schema.ts";
import { UNKNOWN, type Value } from "./value.ts";

/** How a property differs, in the protocol's words. */
export type Kind = "ADD" | "DELETE" | "UPDATE";

/** The differences between a state and the plan. */
export interface Difference {
  /** By property path: `connectionLimit`, `roles[0]`. */
  details: Record<string, { kind: Kind; replace: boolean }>;
  /** Top-level properties that differ. */
  changed: string[];
  /** Those of them that force a replacement. */
  replaces: string[];
  /** Properties that would force a replacement and do not differ. */
  stables: string[];
}

/** Compares the present state with the planned one. `inputs` give the positions of elements in sets. */
export function difference(fields: Fields, prior: State, planned: State, inputs: State): Difference {
  const result: Difference = { details: {}, changed: [], replaces: [], stables: [] };
  for (const [name, field] of Object.entries(fields)) {
    const details = fieldDetails(
      field,
      name,
      prior[name] ?? null,
      planned[name] ?? null,
      inputs[name] ?? null,
    );
    const replace = field.replaces ?? false;
    for (const [path, kind] of Object.entries(details)) result.details[path] = { kind, replace };
    if (Object.keys(details).length > 0) {
      result.changed.push(name);
      if (replace) result.replaces.push(name);
    } else if (replace) result.stables.push(name);
  }
  return result;
}

function fieldDetails(
  field: Field,
  name: string,
  old: Value,
  now: Value,
  input: Value,
): Record<string, Kind> {
  if (field.type === "list" || field.type === "set") return collectionDetails(field, name, old, now, input);
  if (old === now) return {};
  return { [name]: old === null ? "ADD" : now === null ? "DELETE" : "UPDATE" };
}

function collectionDetails(
  field: Field,
  name: string,
  old: Value,
  now: Value,
  input: Value,
): Record<string, Kind> {
  const before = Array.isArray(old) ? old : [];
  const after = Array.isArray(now) ? now : [];
  if (now !== UNKNOWN && before.length === 0 && after.length === 0) return {};
  if (before.length === 0) return { [name]: "ADD" };
  if (now === UNKNOWN) return { [name]: "UPDATE" };
  if (after.length === 0) return { [name]: "DELETE" };
  if (field.type === "list") return listDetails(name, before, after);
  // Objects in inputs lack their defaults, so a new one has no index there.
  if (field.elements && after.some((element) => !has(before, element))) return { [name]: "UPDATE" };
  return setDetails(name, before, after, Array.isArray(input) ? input : after);
}

/** What is neither kept nor moved, by the longest common subsequence: old indexes for losses, new ones for gains. */
function listDetails(name: string, before: Value[], after: Value[]): Record<string, Kind> {
  const { lost, gained } = changedPositions(before, after);
  const details: Record<string, Kind> = {};
  for (const i of lost) details[`${name}[${i}]`] = gained.includes(i) ? "UPDATE" : "DELETE";
  for (const i of gained) details[`${name}[${i}]`] ??= "ADD";
  return details;
}

function changedPositions(before: Value[], after: Value[]): { lost: number[]; gained: number[] } {
  // common[i][j]: the length of what before from i on and after from j on have in common.
  const common = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    const row = common[i] ?? [];
    for (let j = after.length - 1; j >= 0; j--) {
      const same = isDeepStrictEqual(before[i], after[j]);
      row[j] = same ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const [lost, gained]: [number[], number[]] = [[], []];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && isDeepStrictEqual(before[i], after[j])) {
      i++;
      j++;
    } else if (j < after.length && (i >= before.length || at(i, j + 1) > at(i + 1, j))) gained.push(j++);
    else lost.push(i++);
  }
  return { lost, gained };
}

/** New elements are named by their index in the inputs, lost ones by that in the old state. */
function setDetails(name: string, before: Value[], after: Value[], inputs: Value[]): Record<string, Kind> {
  const details: Record<string, Kind> = {};
  before.forEach((element, i) => {
    if (!has(after, element)) details[`${name}[${i}]`] = "DELETE";
  });
  for (const element of after) {
    if (has(before, element)) continue;
    const path = `${name}[${inputs.findIndex((input) => isDeepStrictEqual(input, element))}]`;
    details[path] = details[path] === "DELETE" ? "UPDATE" : "ADD";
  }
  return details;
}

function has(list: Value[], element: Value): boolean {
  return list.some((other) => isDeepStrictEqual(other, element));
}
