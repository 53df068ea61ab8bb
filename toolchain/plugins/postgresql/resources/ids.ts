import type { State } from "../schema.ts";
import { text } from "./resource.ts";

/**
 * Database and name of an object that lives in a database: from the state, and for an import from the id
 * `database.name`.
 * @throws Error when the id does not have that form.
 */
export function idParts(
  state: State,
  defaultDatabase: string,
  what: "schema" | "extension",
): [string, string] {
  const name = text(state, "name");
  if (name !== "") return [text(state, "database") || defaultDatabase, name];
  const id = text(state, "id");
  const parts = id.split(".");
  const [database, object] = parts;
  if (database === undefined || object === undefined || parts.length !== 2) {
    throw new Error(`${what} ID ${id} has not the expected format 'database.${what}': [${parts.join(" ")}]`);
  }
  return [database, object];
}
