import { automaticName } from "./autoname.ts";
import { coerce, type Findings, isKnown } from "./coerce.ts";
import type { Field, Fields } from "./schema.ts";
import { fieldName } from "./schema.ts";
import {
  DEFAULTS_KEY,
  hasUnknown,
  isObject,
  mapValues,
  type Properties,
  plainProperties,
  secret,
  stringList,
  type Value,
} from "./value.ts";

/** What the engine says about names that the plugin makes up. */
export interface Naming {
  resourceName: string;
  randomSeed: Uint8Array;
  /** The name that the project's configuration proposes or enforces. */
  proposed?: string;
  disabled: boolean;
}

/** The outcome of a check: completed inputs, what is wrong with them, what to warn about. */
export interface Checked {
  /** Why the check failed as a whole. */
  error?: string;
  inputs: Properties;
  failures: string[];
  warnings: string[];
}

/**
 * Checks and completes the inputs of a resource: names, types, defaults, generated name, then the rules of each
 * field. `olds` are the former inputs: what was a default there is kept, so that a new default changes nothing.
 * @throws Error when names are disabled and none is given.
 */
export function checkInputs(
  fields: Fields,
  urn: string,
  olds: Properties,
  news: Properties,
  naming: Naming,
): Checked {
  const findings: Findings = { types: [], invalid: [] };
  const given = givenInputs(fields, plainProperties(news), findings);
  if (findings.fatal) {
    return { error: findings.fatal, inputs: {}, failures: [], warnings: typeWarnings(findings) };
  }
  const defaults = defaultInputs(fields, plainProperties(olds), given, naming);
  const inputs: Properties = { ...given, ...defaults };
  const failures = findings.invalid.map(({ path, reason }) => at(naming, path, reason));
  for (const [name, field] of Object.entries(fields)) {
    const rules = brokenRules(fields, inputs, name, field);
    failures.push(...rules.map((reason) => at(naming, name, reason)));
  }
  const warnings = typeWarnings(findings);
  for (const [name, field] of Object.entries(fields)) {
    if (!field.deprecated || !isKnown(inputs[name])) continue;
    warnings.push(`${urn} verification warning: property "${name}" is deprecated: ${field.deprecated}`);
  }
  const marked = mapValues(inputs, (value, name) => (fields[name]?.secret ? secret(value) : value));
  return { inputs: { ...marked, [DEFAULTS_KEY]: Object.keys(defaults).sort() }, failures, warnings };
}

function at(naming: Naming, path: string, reason: string): string {
  return `${reason}. Examine values at '${naming.resourceName}.${path}'.`;
}

function givenInputs(fields: Fields, news: Properties, findings: Findings): Properties {
  const given: Properties = {};
  for (const [key, value] of Object.entries(news)) {
    if (key === DEFAULTS_KEY || value === null) continue;
    const name = fieldName(fields, key);
    const field = name === undefined ? undefined : fields[name];
    if (name !== undefined && field !== undefined) {
      given[name] = markElements(field, coerce(value, field, name, findings));
    } else {
      given[key] = value;
      findings.invalid.push({ path: key, reason: "Invalid or unknown key" });
    }
  }
  return given;
}

/** Objects inside inputs carry their own list of defaults, which is always empty here. */
function markElements(field: Field, value: Value): Value {
  if (!field.elements || !Array.isArray(value)) return value;
  return value.map((element) => (isObject(element) ? { ...element, [DEFAULTS_KEY]: [] } : element));
}

function defaultInputs(fields: Fields, olds: Properties, given: Properties, naming: Naming): Properties {
  const oldDefaults = DEFAULTS_KEY in olds ? stringList(olds[DEFAULTS_KEY]) : Object.keys(olds);
  const defaults: Properties = {};
  for (const [name, field] of Object.entries(fields)) {
    if (name in given) continue;
    const old = olds[name];
    if (oldDefaults.includes(name) && old !== undefined && old !== null) defaults[name] = old;
    else if (field.autonamed) defaults[name] = generatedName(naming);
    // A default that is the type's zero value is left to the plan.
    else if (field.default) defaults[name] = field.default;
  }
  return defaults;
}

function generatedName(naming: Naming): string {
  if (naming.disabled) throw new Error("automatic naming is disabled but no explicit name was provided");
  return naming.proposed ?? automaticName(naming.resourceName, naming.randomSeed);
}

function brokenRules(fields: Fields, inputs: Properties, name: string, field: Field): string[] {
  const value = inputs[name];
  const broken: string[] = [];
  if (value === undefined) {
    if (field.required) {
      broken.push(
        `Missing required argument. The argument "${field.upstream}" is required, but no definition was found.`,
      );
    }
    return broken;
  }
  for (const other of field.conflictsWith ?? []) {
    if (!isKnown(inputs[other])) continue;
    const upstream = fields[other]?.upstream ?? other;
    broken.push(`Conflicting configuration arguments. "${field.upstream}": conflicts with ${upstream}`);
  }
  if (field.requiredWith?.some((other) => inputs[other] === undefined)) {
    const all = field.requiredWith.map((other) => fields[other]?.upstream ?? other).join(",");
    broken.push(`Missing required argument. "${field.upstream}": all of \`${all}\` must be specified`);
  }
  if (hasUnknown(value)) return broken;
  if (field.atLeast !== undefined && typeof value === "number" && value < field.atLeast) {
    broken.push(`expected ${field.upstream} to be at least (${field.atLeast}), got ${value}`);
  }
  if (field.oneOf && !field.oneOf.some((allowed) => allowed === value)) {
    const allowed = field.oneOf.map((option) => JSON.stringify(option)).join(" ");
    broken.push(`expected ${field.upstream} to be one of [${allowed}], got ${value}`);
  }
  return broken;
}

function typeWarnings(findings: Findings): string[] {
  if (findings.types.length === 0) return [];
  return [
    "Type checking failed: ",
    ...findings.types,
    "Type checking is still experimental. If you believe that a warning is incorrect,\n" +
      "please let us know by creating an issue at https://github.com/pulumi/pulumi-terraform-bridge/issues.\n" +
      "This will become a hard error in the future.",
  ];
}
