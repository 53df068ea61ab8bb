import { crc32 } from "node:zlib";
import { during } from "../errors.ts";
import type { Fields, State } from "../schema.ts";
import {
  databaseExists,
  lockDatabase,
  lockRole,
  PUBLIC,
  roleExists,
  schemaExists,
  schemaOwner,
  tableOwners,
} from "../server/catalog.ts";
import { withRoles } from "../server/memberships.ts";
import type { Server, Session } from "../server/server.ts";
import { readGranted } from "./grant-read.ts";
import { grantStatement, revokeStatement } from "./grant-sql.ts";
import { validatePrivileges } from "./privileges.ts";
import { flag, list, type ResourceType, text } from "./resource.ts";

const OBJECT_TYPES = [
  "database",
  "function",
  "procedure",
  "routine",
  "schema",
  "sequence",
  "table",
  "foreign_data_wrapper",
  "foreign_server",
  "column",
] as const;
/** Object types that do not live in a schema. */
const WITHOUT_SCHEMA = ["database", "foreign_data_wrapper", "foreign_server"];

const FIELDS = {
  columns: { upstream: "columns", type: "set", replaces: true },
  database: { upstream: "database", type: "string", required: true, replaces: true },
  objectType: {
    upstream: "object_type",
    type: "string",
    required: true,
    replaces: true,
    oneOf: OBJECT_TYPES,
  },
  objects: { upstream: "objects", type: "set", replaces: true },
  privileges: { upstream: "privileges", type: "set", required: true },
  role: { upstream: "role", type: "string", required: true, replaces: true },
  schema: { upstream: "schema", type: "string", replaces: true },
  withGrantOption: { upstream: "with_grant_option", type: "bool", default: false, replaces: true },
} as const satisfies Fields;

/** The privileges of a role (or of everybody) on objects that exist; no objects named means all of the schema. */
export const grant: ResourceType = {
  fields: FIELDS,
  deleteBeforeReplace: "always",

  async create(server, planned) {
    await apply(server, planned, planned);
    return idOf(planned);
  },

  async update(server, prior, planned) {
    await apply(server, prior, planned);
    return { ...planned, id: idOf(planned) };
  },

  async read(server, state) {
    if (!(await isComplete(server, state))) return undefined;
    const read = await server.session(text(state, "database"), (session) => readGranted(session, state));
    return { ...read, id: idOf(state) };
  },

  async remove(server, state) {
    await inTransaction(server, state, (session) => revoke(session, state));
  },
};

/** Objects and columns stand in the order of their checksums' decimal texts, as in ids of the official plugin. */
function idOf(state: State): string {
  const objectType = text(state, "objectType");
  const parts = [text(state, "role"), text(state, "database")];
  if (!WITHOUT_SCHEMA.includes(objectType)) parts.push(text(state, "schema"));
  parts.push(objectType);
  for (const name of ["objects", "columns"]) {
    const sums = list(state, name).map((element) => ({ element, sum: String(crc32(element)) }));
    parts.push(...sums.sort((a, b) => (a.sum < b.sum ? -1 : 1)).map(({ element }) => element));
  }
  return parts.join("_");
}

async function apply(server: Server, prior: State, planned: State): Promise<void> {
  validateCombination(planned);
  await validatePrivileges(server, planned);
  // Revoked and granted in one transaction: nobody sees the time between.
  await inTransaction(server, planned, async (session) => {
    await revoke(session, prior);
    if (list(planned, "privileges").length > 0) {
      await during("could not execute grant query", session.query(grantStatement(planned)));
    }
  });
}

async function revoke(session: Session, state: State): Promise<void> {
  await during("could not execute revoke query", session.query(revokeStatement(state)));
}

function validateCombination(planned: State): void {
  const objectType = text(planned, "objectType");
  const [objects, columns] = [list(planned, "objects"), list(planned, "columns")];
  if (text(planned, "schema") === "" && !WITHOUT_SCHEMA.includes(objectType)) {
    throw new Error("parameter 'schema' is mandatory for postgresql_grant resource");
  }
  if (objects.length > 0 && (objectType === "database" || objectType === "schema")) {
    throw new Error("cannot specify `objects` when `object_type` is `database` or `schema`");
  }
  if (columns.length > 0 && objectType !== "column") {
    throw new Error("cannot specify `columns` when `object_type` is not `column`");
  }
  if (objectType === "column") {
    if (columns.length === 0) throw new Error("must specify `columns` when `object_type` is `column`");
    if (list(planned, "privileges").length !== 1) {
      throw new Error("must specify exactly 1 `privileges` when `object_type` is `column`");
    }
    if (objects.length !== 1) {
      throw new Error("must specify exactly 1 table in the `objects` field when `object_type` is `column`");
    }
  }
  if (objects.length !== 1 && (objectType === "foreign_data_wrapper" || objectType === "foreign_server")) {
    throw new Error(
      "one element must be specified in `objects` when `object_type` is `foreign_data_wrapper` or `foreign_server`",
    );
  }
  if (flag(planned, "withGrantOption") && text(planned, "role").toLowerCase() === PUBLIC) {
    throw new Error("with_grant_option cannot be true for role 'public'");
  }
}

async function inTransaction(
  server: Server,
  state: State,
  step: (session: Session) => Promise<void>,
): Promise<void> {
  await server.transaction(text(state, "database"), async (session) => {
    await lockRole(session, text(state, "role"));
    if (text(state, "objectType") === "database") await lockDatabase(session, text(state, "database"));
    await withRoles(session, await ownersOf(session, state), () => step(session));
  });
}

async function ownersOf(session: Session, state: State): Promise<string[]> {
  const objectType = text(state, "objectType");
  if (WITHOUT_SCHEMA.includes(objectType)) return [];
  const schema = text(state, "schema");
  const owners = objectType === "schema" ? [] : await tableOwners(session, schema);
  return [...owners, await schemaOwner(session, schema)];
}

/** True when everything that the state names is still there. */
async function isComplete(server: Server, state: State): Promise<boolean> {
  const [role, database] = [text(state, "role"), text(state, "database")];
  const there = await server.session("", async (session) => {
    return (
      (role === PUBLIC || (await roleExists(session, role))) && (await databaseExists(session, database))
    );
  });
  if (!there || WITHOUT_SCHEMA.includes(text(state, "objectType"))) return there;
  return server.session(database, (session) => schemaExists(session, text(state, "schema")));
}
