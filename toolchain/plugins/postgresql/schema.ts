import type { Properties, Value } from "./value.ts";

/** How a property is stored: sets have no order and no duplicates, lists have both. */
export type FieldType = "string" | "int" | "bool" | "list" | "set";

/** One property of a resource type (or of the objects in a set). */
export interface Field {
  /** The name that the official plugin uses in its messages (the upstream provider's name). */
  upstream: string;
  type: FieldType;
  /** For sets of objects: their fields. Without it the elements are strings. */
  elements?: Fields;
  /** Value when the program gives none. */
  default?: string | number | boolean;
  required?: boolean;
  /** The server fills it in when the program gives none, and it then stays as it is. */
  computed?: boolean;
  /** A change of it replaces the resource. */
  replaces?: boolean;
  /** Always wrapped as a secret. */
  secret?: boolean;
  /** Goes to the server and is kept nowhere. */
  writeOnly?: boolean;
  /** Made up from the resource's name when the program gives none. */
  autonamed?: boolean;
  atLeast?: number;
  oneOf?: readonly string[];
  /** What to use instead. */
  deprecated?: string;
  /** Fields (Pulumi names) that cannot be set together with this one. */
  conflictsWith?: readonly string[];
  /** Fields (Pulumi names) that must be set when this one is, itself included. */
  requiredWith?: readonly string[];
}

/** Fields by their Pulumi names. */
export type Fields = Readonly<Record<string, Field>>;

/** The state of a resource: every field, null where it has no value, and `id`. */
export type State = Properties;

/** The value a field has in SQL terms when it is not set. */
export function zeroValue(type: FieldType): Value {
  if (type === "string") return "";
  if (type === "int") return 0;
  return type === "bool" ? false : [];
}

/**
 * The Pulumi name of a key: the official plugin takes upstream names and other spellings of the case as well
 * (`search_path`, `Login`). Undefined when there is no such field.
 */
export function fieldName(fields: Fields, key: string): string | undefined {
  if (Object.hasOwn(fields, key)) return key;
  const upstream = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/^_/, "");
  return Object.keys(fields).find((name) => fields[name]?.upstream === upstream);
}
