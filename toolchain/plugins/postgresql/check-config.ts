import { CONFIG_FIELDS, type ConfigField, configName } from "./config-fields.ts";
import { parseSetting } from "./configure.ts";
import { goText, typeName } from "./go-text.ts";
import { parseVersion } from "./server/version.ts";
import { hasUnknown, isObject, type Properties, plainProperties, secret, type Value } from "./value.ts";

/** Settings that belong to the engine. */
const ENGINE_KEYS = ["version", "pluginDownloadURL"];

/** The outcome of the check of the provider's configuration. */
export interface CheckedConfig {
  inputs: Properties;
  failures: string[];
  warnings: string[];
}

/**
 * Checks the provider's configuration and brings it into the form in which the engine keeps it: texts, with JSON
 * for everything else.
 * @throws Error when a text cannot be read as the number, truth value or object that it should be.
 */
export function checkConfig(news: Properties): CheckedConfig {
  const checked: CheckedConfig = { inputs: {}, failures: [], warnings: [] };
  for (const [key, value] of Object.entries(plainProperties(news))) {
    if (value === null || ENGINE_KEYS.includes(key)) continue;
    const name = configName(key);
    const field = name === undefined ? undefined : CONFIG_FIELDS[name];
    if (name === undefined || field === undefined) checked.failures.push(unknownKey(key));
    else checkSetting(checked, key, name, field, value);
  }
  return checked;
}

/** What differs between two configurations; nothing replaces a provider. */
export function diffConfig(
  olds: Properties,
  news: Properties,
  ignored: string[],
): Record<string, "ADD" | "DELETE" | "UPDATE"> {
  const [before, after] = [plainProperties(olds), plainProperties(news)];
  if (hasUnknown(after)) return {};
  const kinds: Record<string, "ADD" | "DELETE" | "UPDATE"> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (ignored.includes(key) || JSON.stringify(before[key]) === JSON.stringify(after[key])) continue;
    kinds[key] = !(key in before) ? "ADD" : !(key in after) ? "DELETE" : "UPDATE";
  }
  return kinds;
}

function unknownKey(key: string): string {
  return (
    `\`postgresql:${key}\` is not a valid configuration key for the postgresql provider. ` +
    "If the referenced key is not intended for the provider, please choose a different namespace from `postgresql:`."
  );
}

function checkSetting(
  checked: CheckedConfig,
  key: string,
  name: string,
  field: ConfigField,
  value: Value,
): void {
  if (hasUnknown(value)) {
    checked.inputs[key] = value;
    return;
  }
  const parsed = parseConfig(field, value);
  // A list for a text would be taken as JSON: its type is judged as it came.
  const mismatch = typeMismatch(field, field.type === "string" ? value : parsed);
  if (mismatch.warning)
    checked.warnings.push(typeWarning(name, mismatch.warning, field.type === "string" ? value : parsed));
  const broken = mismatch.failure ?? brokenRule(field, parsed);
  if (broken) {
    const path = broken.path ? ` --path postgresql:${name}.${broken.path}` : ` postgresql:${name}`;
    const reason = `could not validate provider configuration: ${broken.reason}`;
    checked.failures.push(`${reason}. Check \`pulumi config get${path}\`.`);
  }
  if (field.deprecated) {
    checked.warnings.push(`provider config warning: property "${name}" is deprecated: ${field.deprecated}`);
  }
  const stored = typeof value === "string" ? value : storedText(field, value);
  checked.inputs[key] = field.secret ? secret(stored) : stored;
}

function parseConfig(field: ConfigField, value: Value): Value {
  try {
    return parseSetting(field, value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`CheckConfig failed because of malformed resource inputs: ${reason}`);
  }
}

function storedText(field: ConfigField, value: Value): string {
  if (field.type === "object" && isObject(value)) {
    return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
  }
  return JSON.stringify(value);
}

interface Broken {
  reason: string;
  path?: string;
}

function typeMismatch(field: ConfigField, value: Value): { warning?: string; failure?: Broken } {
  if (field.type !== "object" && typeof value === "object") {
    const found = Array.isArray(value) ? "list" : "map";
    return {
      warning: field.type === "int" ? "integer" : field.type === "bool" ? "boolean" : "string",
      failure: { reason: `Attribute must be a single value, not a ${found}` },
    };
  }
  if (field.type === "int" && typeof value === "boolean") {
    return {
      warning: "integer",
      failure: { reason: `Attribute must be a whole number, got ${value}` },
    };
  }
  if (field.type === "bool" && typeof value === "number") return { warning: "boolean" };
  return {};
}

function brokenRule(field: ConfigField, value: Value): Broken | undefined {
  if (field.atLeast !== undefined && typeof value === "number" && value < field.atLeast) {
    return { reason: `expected ${field.upstream} to be at least (${field.atLeast}), got ${value}` };
  }
  if (field.oneOf && !field.oneOf.some((allowed) => allowed === value)) {
    const allowed = field.oneOf.map((option) => JSON.stringify(option)).join(" ");
    return { reason: `expected ${field.upstream} to be one of [${allowed}], got ${value}` };
  }
  if (field.upstream === "expected_version" && parseVersion(String(value)) === undefined) {
    const invalid = `Invalid character(s) found in major number "${value}"`;
    return { reason: `invalid version ("${value}"): ${invalid}` };
  }
  if (field.type !== "object" || !isObject(value)) return undefined;
  const missing = ["cert", "key"].find((key) => value[key] === undefined);
  if (!missing) return undefined;
  const argument = `The argument "${field.upstream}.0.${missing}" is required, but no definition was found.`;
  return { reason: `Missing required argument. ${argument}`, path: missing };
}

function typeWarning(name: string, expected: string, value: Value): string {
  const indent = " ".repeat(9);
  return (
    `Type checking failed:\n\n${indent}    Unexpected type at field "${name}":\n` +
    `${indent}        expected ${expected} type, got {${goText(value)}} of type ${typeName(value)}\n\n` +
    `${indent}Type checking is still experimental. If you believe that a warning is incorrect,\n` +
    `${indent}please let us know by creating an issue at https://github.com/pulumi/pulumi-terraform-bridge/issues.\n` +
    `${indent}This will become a hard error in the future.`
  );
}
