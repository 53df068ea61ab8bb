import type { Fields, State } from "./schema.ts";
import { zeroValue } from "./schema.ts";
import { DEFAULTS_KEY, isObject, type Properties, secret, stringList, type Value } from "./value.ts";

/** The properties of a state as the engine stores them: secrets marked. */
export function outputs(fields: Fields, state: State): Properties {
  const properties: Properties = { id: state.id ?? null };
  for (const [name, field] of Object.entries(fields)) {
    const value = state[name] ?? null;
    properties[name] = field.secret ? secret(value) : value;
  }
  return properties;
}

/** A state with every field, from properties that may lack some. */
export function completeState(fields: Fields, properties: Properties): State {
  const state: State = { id: properties.id ?? null };
  for (const name of Object.keys(fields)) state[name] = properties[name] ?? null;
  return state;
}

/**
 * The inputs after a refresh: the former ones with the values that the server has. Values that were defaults and
 * are something else now count as given.
 */
export function refreshedInputs(fields: Fields, olds: Properties, state: State): Properties {
  const inputs: Properties = {};
  let defaults = stringList(olds[DEFAULTS_KEY]);
  for (const [name, old] of Object.entries(olds)) {
    if (name === DEFAULTS_KEY || !(name in fields)) continue;
    const value = refreshed(old, state[name] ?? null);
    if (JSON.stringify(value) !== JSON.stringify(old)) defaults = defaults.filter((other) => other !== name);
    inputs[name] = fields[name]?.secret ? secret(value) : value;
  }
  return defaults.length > 0 ? { ...inputs, [DEFAULTS_KEY]: defaults } : inputs;
}

/** Lists are cut to their former length, objects to their former keys. */
function refreshed(old: Value, now: Value): Value {
  if (Array.isArray(old) && Array.isArray(now)) {
    return old.slice(0, now.length).map((element, i) => refreshed(element, now[i] ?? null));
  }
  if (isObject(old) && isObject(now)) {
    const keys = Object.keys(old).filter((key) => key !== DEFAULTS_KEY && key in now);
    return Object.fromEntries(keys.map((key) => [key, refreshed(old[key] ?? null, now[key] ?? null)]));
  }
  return now;
}

/** The inputs of an imported resource: everything that is not what it would be anyway. */
export function importedInputs(fields: Fields, state: State): Properties {
  const inputs: Properties = { [DEFAULTS_KEY]: [] };
  for (const [name, field] of Object.entries(fields)) {
    const value = state[name] ?? null;
    const usual = field.default ?? zeroValue(field.type);
    const isUsual =
      JSON.stringify(value) === JSON.stringify(usual) || (value === null && field.default === undefined);
    if (field.required || !isUsual) inputs[name] = field.secret ? secret(value) : value;
  }
  return inputs;
}
