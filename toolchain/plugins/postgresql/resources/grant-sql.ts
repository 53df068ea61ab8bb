import type { State } from "../schema.ts";
import { identifier, identifiers } from "../server/sql.ts";
import { flag, list, text } from "./resource.ts";

/** GRANT with the privileges of the state. */
export function grantStatement(state: State): string {
  const option = flag(state, "withGrantOption") ? " WITH GRANT OPTION" : "";
  const privileges = withColumns(state, list(state, "privileges"));
  return `GRANT ${privileges} ON ${target(state)} TO ${identifier(text(state, "role"))}${option}`;
}

/**
 * REVOKE of what the state granted: on named objects and columns its privileges only, so that what somebody else
 * granted stays; otherwise all of them.
 */
export function revokeStatement(state: State): string {
  const privileges = list(state, "privileges");
  const named = list(state, "objects").length > 0 && privileges.length > 0;
  const own = named && !text(state, "objectType").startsWith("foreign");
  const what = own ? withColumns(state, privileges) : "ALL PRIVILEGES";
  return `REVOKE ${what} ON ${target(state)} FROM ${identifier(text(state, "role"))}`;
}

function withColumns(state: State, privileges: string[]): string {
  const columns = list(state, "columns");
  return columns.length > 0 ? `${privileges.join(",")} (${identifiers(columns)})` : privileges.join(",");
}

function target(state: State): string {
  const objectType = text(state, "objectType");
  const objects = list(state, "objects");
  const schema = identifier(text(state, "schema"));
  switch (objectType) {
    case "database":
      return `DATABASE ${identifier(text(state, "database"))}`;
    case "schema":
      return `SCHEMA ${schema}`;
    case "foreign_data_wrapper":
      return `FOREIGN DATA WRAPPER ${identifiers(objects)}`;
    case "foreign_server":
      return `FOREIGN SERVER ${identifiers(objects)}`;
    case "column":
      return `TABLE ${qualified(schema, objects)}`;
    default: {
      const kind = objectType.toUpperCase();
      return objects.length > 0
        ? `${kind} ${qualified(schema, objects)}`
        : `ALL ${kind}S IN SCHEMA ${schema}`;
    }
  }
}

/** Functions may be named with their argument types, `add(integer, integer)`; only the name is quoted then. */
function qualified(schema: string, objects: string[]): string {
  return objects
    .map((object) => {
      const [name = "", ...rest] = object.split("(");
      return `${schema}.${identifier(name)}${rest.length > 0 ? `(${rest[0]}` : ""}`;
    })
    .join(",");
}
