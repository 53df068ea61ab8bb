import { during } from "../errors.ts";
import type { Fields, State } from "../schema.ts";
import { databaseExists, lockRole, PUBLIC, roleExists, roleOid, schemaExists } from "../server/catalog.ts";
import { withRoles } from "../server/memberships.ts";
import type { Server, Session } from "../server/server.ts";
import { identifier } from "../server/sql.ts";
import { readBack, validatePrivileges } from "./privileges.ts";
import { flag, list, type ResourceType, text } from "./resource.ts";

/** Object types as pg_default_acl stores them. */
const CATALOG_TYPE: Readonly<Record<string, string>> = {
  table: "r",
  sequence: "S",
  function: "f",
  routine: "f",
  type: "T",
  schema: "n",
};

const FIELDS = {
  database: { upstream: "database", type: "string", required: true, replaces: true },
  objectType: {
    upstream: "object_type",
    type: "string",
    required: true,
    replaces: true,
    oneOf: Object.keys(CATALOG_TYPE),
  },
  owner: { upstream: "owner", type: "string", required: true, replaces: true },
  privileges: { upstream: "privileges", type: "set", required: true },
  role: { upstream: "role", type: "string", required: true, replaces: true },
  schema: { upstream: "schema", type: "string", replaces: true },
  withGrantOption: { upstream: "with_grant_option", type: "bool", default: false, replaces: true },
} as const satisfies Fields;

/** The privileges that a role gets on objects which the owner makes later. */
export const defaultPrivileges: ResourceType = {
  fields: FIELDS,
  deleteBeforeReplace: "never",

  async create(server, planned) {
    await apply(server, planned);
    return idOf(planned);
  },

  async update(server, _prior, planned) {
    await apply(server, planned);
    return { ...planned, id: idOf(planned) };
  },

  async read(server, state) {
    if (!(await isComplete(server, state))) return undefined;
    const privileges = await server.session(text(state, "database"), (session) =>
      grantedDefaults(session, state),
    );
    // No entry means that there are no default privileges, unless none are wanted.
    if (privileges.length === 0 && list(state, "privileges").length > 0) return undefined;
    return { ...state, id: idOf(state), privileges: await readBack(server, state, privileges) };
  },

  async remove(server, state) {
    await inTransaction(server, state, (session) => revoke(session, state));
  },
};

function idOf(state: State): string {
  const schema = text(state, "schema") || "noschema";
  return [
    text(state, "role"),
    text(state, "database"),
    schema,
    text(state, "owner"),
    text(state, "objectType"),
  ].join("_");
}

async function apply(server: Server, planned: State): Promise<void> {
  if (text(planned, "schema") && text(planned, "objectType") === "schema") {
    throw new Error("cannot specify `schema` when `object_type` is `schema`");
  }
  if (flag(planned, "withGrantOption") && text(planned, "role").toLowerCase() === PUBLIC) {
    throw new Error("with_grant_option cannot be true for role 'public'");
  }
  await validatePrivileges(server, planned);
  // Revoked and granted in one transaction: nobody sees the time between.
  await inTransaction(server, planned, async (session) => {
    await revoke(session, planned);
    await grant(session, planned);
  });
}

async function inTransaction(
  server: Server,
  state: State,
  step: (session: Session) => Promise<void>,
): Promise<void> {
  const owner = text(state, "owner");
  await server.transaction(text(state, "database"), async (session) => {
    await lockRole(session, owner);
    await withRoles(session, [owner], () => step(session));
  });
}

function scope(state: State): string {
  const schema = text(state, "schema");
  return `FOR ROLE ${identifier(text(state, "owner"))}${schema ? ` IN SCHEMA ${identifier(schema)}` : ""}`;
}

function objects(state: State): string {
  return `ON ${text(state, "objectType").toUpperCase()}S`;
}

async function revoke(session: Session, state: State): Promise<void> {
  const sql = `ALTER DEFAULT PRIVILEGES ${scope(state)} REVOKE ALL ${objects(state)} FROM ${identifier(text(state, "role"))}`;
  await during("could not revoke default privileges", session.query(sql));
}

async function grant(session: Session, planned: State): Promise<void> {
  const privileges = list(planned, "privileges").join(",");
  if (privileges === "") return;
  const target = `${objects(planned)} TO ${identifier(text(planned, "role"))}`;
  const option = flag(planned, "withGrantOption") ? " WITH GRANT OPTION" : "";
  const sql = `ALTER DEFAULT PRIVILEGES ${scope(planned)} GRANT ${privileges} ${target}${option}`;
  await during("could not alter default privileges", session.query(sql));
}

/** True when everything that the state names is still there. */
async function isComplete(server: Server, state: State): Promise<boolean> {
  const [role, database, schema] = [text(state, "role"), text(state, "database"), text(state, "schema")];
  const there = await server.session("", async (session) => {
    return (
      (role === PUBLIC || (await roleExists(session, role))) && (await databaseExists(session, database))
    );
  });
  if (!there || schema === "") return there;
  return server.session(database, (session) => schemaExists(session, schema));
}

async function grantedDefaults(session: Session, state: State): Promise<string[]> {
  const schema = text(state, "schema");
  const sql = `SELECT DISTINCT privilege_type AS privilege
    FROM pg_default_acl, aclexplode(defaclacl) WHERE defaclobjtype = $1 AND grantee = $2
    AND pg_get_userbyid(grantor) = $3
    AND defaclnamespace = coalesce((SELECT oid FROM pg_namespace WHERE nspname = $4), 0)`;
  const values = [
    CATALOG_TYPE[text(state, "objectType")],
    await roleOid(session, text(state, "role")),
    text(state, "owner"),
    schema,
  ];
  const read = session.query<{ privilege: string }>(sql, values);
  return (await during("could not read default privileges", read)).map((row) => row.privilege);
}
