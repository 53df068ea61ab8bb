/** An object of a stack's configuration as it was written: names and values of any kind. */
export type Given = Readonly<Record<string, unknown>>;

/** Whether a value of a stack's configuration is an object, and no list. */
export function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
