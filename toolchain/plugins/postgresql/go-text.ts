import { isObject, type Value } from "./value.ts";

/** The name of a value's type as the official plugin prints it. */
export function typeName(value: Value): string {
  if (Array.isArray(value)) return "[]";
  return value === null ? "null" : typeof value === "boolean" ? "bool" : typeof value;
}

/** A value as the official plugin prints it in its warnings. */
export function goText(value: Value): string {
  if (Array.isArray(value)) return `[${value.map((element) => `{${goText(element)}}`).join(" ")}]`;
  if (!isObject(value)) return String(value);
  const entries = Object.entries(value).map(([key, element]) => `${key}:{${goText(element)}}`);
  return `map[${entries.sort().join(" ")}]`;
}
