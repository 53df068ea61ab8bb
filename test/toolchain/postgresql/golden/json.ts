/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** The answer to one of the queries, run in the database `in` with a list of names. */
export type DatabaseState = { query: string; in: string; names: string[]; rows: Json };

/** One recorded operation: what was sent, what came back, what the database looked like afterwards. */
export interface Step {
  op: string;
  request: JsonObject;
  response: Json;
  /** Least and most time allowed. */
  seconds?: [number, number];
  /** What was logged to the engine. */
  warnings?: string[];
  database?: DatabaseState[];
}

/** A recorded case. */
export interface Case {
  id: string;
  title: string;
  steps: Step[];
}

/** A field of an object; undefined where there is none. */
export function field(value: JsonObject, name: string): JsonObject | undefined {
  const found = value[name];
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined;
}

/** A text of an object; empty where there is none. */
export function text(value: JsonObject, name: string): string {
  const found = value[name];
  return typeof found === "string" ? found : "";
}

/** A list of texts of an object. */
export function texts(value: JsonObject, name: string): string[] {
  const found = value[name];
  return Array.isArray(found) ? found.map(String) : [];
}

/** The value with every text in it converted. */
export function mapTexts(value: Json, convert: (text: string) => string): Json {
  if (typeof value === "string") return convert(value);
  if (Array.isArray(value)) return value.map((element) => mapTexts(element, convert));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, mapTexts(element, convert)]));
}
