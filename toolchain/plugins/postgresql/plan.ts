import { isDeepStrictEqual } from "node:util";
import type { Field, Fields, State } from "./schema.ts";
import { zeroValue } from "./schema.ts";
import {
  DEFAULTS_KEY,
  hasUnknown,
  isObject,
  type Properties,
  stringList,
  UNKNOWN,
  type Value,
} from "./value.ts";

/**
 * What the state will be: for each field the input, else the default, else what the server has (`computed`).
 * @param prior the present state, undefined for a resource that is still to be made
 * @param ignored fields whose inputs do not count (`ignoreChanges`)
 */
export function plan(
  fields: Fields,
  prior: State | undefined,
  inputs: Properties,
  ignored: string[] = [],
): State {
  const planned: State = {};
  for (const [name, field] of Object.entries(fields)) {
    const old = prior?.[name] ?? null;
    const wanted = inputs[name] ?? null;
    if (field.writeOnly) planned[name] = null;
    else if (prior && ignored.includes(name)) planned[name] = old;
    else if (field.type === "list" || field.type === "set") {
      planned[name] = planCollection(field, prior !== undefined, old, wanted);
    } else planned[name] = planScalar(field, prior !== undefined, old, wanted ?? field.default ?? null);
  }
  return { ...planned, id: prior?.id ?? UNKNOWN };
}

function planScalar(field: Field, exists: boolean, old: Value, wanted: Value): Value {
  const value = scalar(field, wanted);
  if (value === null && field.computed) return exists ? old : UNKNOWN;
  // A value that means the same as none stays.
  if (value === null && old !== null && old === zeroValue(field.type)) return old;
  return value;
}

/** Inputs and states of other makers may hold "1" or 1 for true: the plan has one form for each value. */
function scalar(field: Field, value: Value): Value {
  if (value === null || value === UNKNOWN) return value;
  if (field.type === "string") return String(value);
  if (field.type === "int") return Math.trunc(Number(value));
  return value === true || value === 1 || value === "1" || value === "true";
}

function planCollection(field: Field, exists: boolean, old: Value, wanted: Value): Value {
  if (hasUnknown(wanted)) return UNKNOWN;
  if (!Array.isArray(wanted) || wanted.length === 0) {
    if (field.computed) return exists ? old : UNKNOWN;
    return old === null ? null : [];
  }
  const elements = wanted.map((element) => planElement(field, element));
  return field.type === "set" ? normaliseSet(elements) : elements;
}

function planElement(field: Field, element: Value): Value {
  if (!field.elements || !isObject(element)) return element;
  const object: Record<string, Value> = {};
  for (const [name, inner] of Object.entries(field.elements)) {
    object[name] = scalar(inner, element[name] ?? inner.default ?? null);
  }
  return object;
}

/** The elements of a set in a fixed order and without duplicates: texts by the alphabet. */
export function normaliseSet(elements: readonly Value[]): Value[] {
  const unique = elements.filter(
    (element, i) => elements.findIndex((e) => isDeepStrictEqual(e, element)) === i,
  );
  const key = (element: Value) => (typeof element === "string" ? element : JSON.stringify(element));
  return unique.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** True when the input list of defaults exists and does not name the field: the program chose the value. */
export function isChosen(inputs: Properties, name: string): boolean {
  return DEFAULTS_KEY in inputs && !stringList(inputs[DEFAULTS_KEY]).includes(name);
}

/**
 * What an update or a creation leaves as state: what it reported, except that sets are exactly as planned, an empty
 * list is as planned (null or []), and a removed value is the empty one.
 */
export function settle(fields: Fields, prior: State | undefined, planned: State, applied: State): State {
  const settled: State = { ...applied };
  for (const [name, field] of Object.entries(fields)) {
    const wanted = planned[name] ?? null;
    if (field.type === "list" || field.type === "set") {
      const isAsPlanned = field.type === "set" || isEmpty(applied[name] ?? null);
      if (isAsPlanned && !hasUnknown(wanted)) settled[name] = wanted;
    } else if (settled[name] === null && wanted === null && (prior?.[name] ?? null) !== null) {
      settled[name] = field.writeOnly ? null : zeroValue(field.type);
    }
  }
  return settled;
}

function isEmpty(value: Value): boolean {
  return !Array.isArray(value) || value.length === 0;
}
