import { goText, typeName } from "./go-text.ts";
import type { Field, Fields } from "./schema.ts";
import { fieldName } from "./schema.ts";
import { hasUnknown, isObject, UNKNOWN, type Value } from "./value.ts";

/** Where a value does not have the type of its field, and how that is to be reported. */
export interface Findings {
  /** Warnings: the type as such is wrong, although the value may be convertible. */
  types: string[];
  /** Why the check cannot go on at all. */
  fatal?: string;
  /** Failures: the value cannot be used. `path` is relative to the resource, in Pulumi names. */
  invalid: Array<{ path: string; reason: string }>;
}

const EXPECTED = {
  string: "string",
  int: "integer",
  bool: "boolean",
  list: "array",
  set: "array",
  object: "object",
} as const;

/**
 * Converts an input to the type of its field the way the official plugin does: numbers and booleans become strings,
 * strings become numbers and booleans, a single value becomes a list of one. What does not convert stays as it is
 * and is reported in `findings`; a text for a whole number that is none ends the check.
 */
export function coerce(value: Value, field: Field, path: string, findings: Findings): Value {
  if (value === null || value === UNKNOWN) return value;
  if (field.type === "list" || field.type === "set") return coerceCollection(value, field, path, findings);
  if (typeof value === "object") {
    findings.types.push(unexpected(path, EXPECTED[field.type], value));
    findings.invalid.push({ path, reason: notSingle(value) });
    return value;
  }
  if (field.type === "string") return String(value);
  return field.type === "int" ? coerceInt(value, field, path, findings) : coerceBool(value, path, findings);
}

function coerceInt(value: string | number | boolean, field: Field, path: string, findings: Findings): Value {
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "boolean") {
    findings.types.push(unexpected(path, EXPECTED.int, value));
    findings.invalid.push({ path, reason: `Attribute must be a whole number, got ${value}` });
    return value;
  }
  if (!/^[+-]?\d+$/.test(value)) {
    findings.fatal ??= `${field.upstream}: strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`;
    return value;
  }
  return Number(value);
}

function coerceBool(value: string | number | boolean, path: string, findings: Findings): Value {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  findings.types.push(unexpected(path, EXPECTED.bool, value));
  if (value === 1 || value === "1" || value === 0 || value === "0") return value;
  const reason = `cannot parse '' as bool: strconv.ParseBool: parsing "${value}": invalid syntax`;
  findings.invalid.push({ path, reason });
  return value;
}

function coerceCollection(value: Value, field: Field, path: string, findings: Findings): Value {
  if (!Array.isArray(value)) findings.types.push(unexpected(path, EXPECTED.list, value));
  const elements = Array.isArray(value) ? value : [value];
  return elements.map((element, index) => {
    // The official plugin names the elements of a set by the set.
    const elementPath = field.type === "set" ? path : `${path}[${index}]`;
    if (field.elements) return coerceObject(element, field.elements, `${path}[${index}]`, path, findings);
    if (element !== null && typeof element === "object") {
      if (Array.isArray(value))
        findings.types.push(unexpected(`${path}[${index}]`, EXPECTED.string, element));
      findings.invalid.push({ path: elementPath, reason: notSingle(element) });
      return element;
    }
    return element === null ? null : String(element);
  });
}

function coerceObject(
  element: Value,
  fields: Fields,
  path: string,
  setPath: string,
  findings: Findings,
): Value {
  if (element === null || element === UNKNOWN) return element;
  if (!isObject(element)) {
    findings.types.push(unexpected(path, EXPECTED.object, element));
    const reason = `Expected Object Type. Expected object, got ${typeof element}`;
    findings.invalid.push({ path: setPath, reason });
    return element;
  }
  const result: Record<string, Value> = {};
  for (const [key, value] of Object.entries(element)) {
    const name = fieldName(fields, key);
    const field = name === undefined ? undefined : fields[name];
    if (name === undefined || field === undefined) {
      findings.invalid.push({ path: setPath, reason: "Invalid or unknown key" });
      result[key] = value;
    } else if (value !== null) {
      result[name] = coerce(value, field, `${path}.${name}`, findings);
    }
  }
  return result;
}

function notSingle(value: Value): string {
  return `Attribute must be a single value, not a ${Array.isArray(value) ? "list" : "map"}`;
}

function unexpected(path: string, expected: string, value: Value): string {
  const found =
    typeof value === "string"
      ? `${JSON.stringify(value)} of type string`
      : `{${goText(value)}} of type ${typeName(value)}`;
  return `Unexpected type at field "${path}": \n           expected ${expected} type, got ${found}`;
}

/** True when a value is fully known, so that what depends on it can be judged. */
export function isKnown(value: Value | undefined): boolean {
  return value !== undefined && value !== null && !hasUnknown(value);
}
