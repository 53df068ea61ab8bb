/** A property value as it travels in the protocol's Struct messages. */
export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
/** The properties of a resource by their Pulumi names. */
export type Properties = { [key: string]: Value };

/** What the protocol sends in place of a value that is not known before the update. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** Keys by which the protocol marks a secret; see the engine's `sig` package. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
/** The property in which checked inputs name those that the program did not set. */
export const DEFAULTS_KEY = "__defaults";

/** Wraps a value as a secret. */
export function secret(value: Value): Value {
  return { [SIGNATURE]: SECRET_SIGNATURE, value };
}

/** Takes the secret wrappers off a value, at every depth. */
export function withoutSecrets(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isObject(value)) return value;
  if (value[SIGNATURE] === SECRET_SIGNATURE) return withoutSecrets(value.value ?? null);
  return mapValues(value, withoutSecrets);
}

/** Takes the secret wrappers off all properties. */
export function plainProperties(properties: Properties | undefined): Properties {
  return mapValues(properties ?? {}, withoutSecrets);
}

/** True for a value that is unknown or contains something unknown. */
export function hasUnknown(value: Value): boolean {
  if (Array.isArray(value)) return value.some(hasUnknown);
  if (isObject(value)) return Object.values(value).some(hasUnknown);
  return value === UNKNOWN;
}

/** True for a plain object (not a list, not null). */
export function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list of strings under a key; empty when it is not there. */
export function stringList(value: Value | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** An object with the same keys and converted values. */
export function mapValues<A, B>(
  object: Record<string, A>,
  convert: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, convert(value, key)]));
}
