import { during } from "../errors.ts";
import { normaliseSet } from "../plan.ts";
import type { State } from "../schema.ts";
import { roleOid } from "../server/catalog.ts";
import type { Session } from "../server/server.ts";
import type { Value } from "../value.ts";
import { readBack } from "./privileges.ts";
import { list, text } from "./resource.ts";

/** Relations as pg_class.relkind has them. Views are granted to with the tables of a schema but not read. */
const RELATION_KIND: Readonly<Record<string, string>> = { table: "r", sequence: "S" };

/** Objects without a schema, with the one list of privileges each has. */
const SINGLE_OBJECTS: Readonly<Record<string, { sql: string; name: (state: State) => string }>> = {
  database: {
    sql: "SELECT datacl AS acl FROM pg_database WHERE datname = $2",
    name: (state) => text(state, "database"),
  },
  schema: {
    sql: "SELECT nspacl AS acl FROM pg_namespace WHERE nspname = $2",
    name: (state) => text(state, "schema"),
  },
  foreign_data_wrapper: {
    sql: "SELECT fdwacl AS acl FROM pg_foreign_data_wrapper WHERE fdwname = $2",
    name: (state) => list(state, "objects")[0] ?? "",
  },
  foreign_server: {
    sql: "SELECT srvacl AS acl FROM pg_foreign_server WHERE srvname = $2",
    name: (state) => list(state, "objects")[0] ?? "",
  },
};

/** The state with the privileges (for columns: the columns) that the role really has. */
export async function readGranted(session: Session, state: State): Promise<State> {
  const objectType = text(state, "objectType");
  const grantee = await roleOid(session, text(state, "role"));
  if (objectType === "column") return { ...state, columns: await readColumns(session, state, grantee) };
  const single = SINGLE_OBJECTS[objectType];
  const objects = single
    ? await readSingle(session, single.sql, grantee, single.name(state))
    : await readObjects(session, state, grantee);
  return { ...state, privileges: await firstDeviation(session, state, objects) };
}

interface Granted {
  name: string;
  privileges: string[];
}

/** Every object must have exactly the privileges of the state; the first that has not tells what was found. */
async function firstDeviation(session: Session, state: State, objects: Granted[]): Promise<Value> {
  const known = state.privileges ?? null;
  for (const { privileges } of objects) {
    const found = await readBack(session.server, state, privileges);
    if (found !== known) return found;
  }
  return known;
}

async function readSingle(session: Session, acl: string, grantee: string, name: string): Promise<Granted[]> {
  const sql = `SELECT $2::text AS name, array(SELECT DISTINCT privilege_type FROM (${acl}) o, aclexplode(o.acl) a
    WHERE a.grantee = $1::oid) AS privileges`;
  return during("could not read privileges", session.query<Granted>(sql, [grantee, name]));
}

async function readObjects(session: Session, state: State, grantee: string): Promise<Granted[]> {
  const kind = RELATION_KIND[text(state, "objectType")];
  const objects = kind
    ? `SELECT relname::text AS name, relacl AS acl FROM pg_class WHERE relnamespace = n.oid AND relkind = $3::"char"`
    : // Functions and procedures share their names' space; overloaded ones count as one.
      `SELECT proname::text AS name, proacl AS acl FROM pg_proc WHERE pronamespace = n.oid AND $3::text IS NULL`;
  const sql = `SELECT o.name, array_remove(array_agg(DISTINCT a.privilege_type), NULL) AS privileges
    FROM pg_namespace n, LATERAL (${objects}) o
    LEFT JOIN LATERAL (SELECT * FROM aclexplode(o.acl) WHERE grantee = $1::oid) a ON true
    WHERE nspname = $2 GROUP BY o.name ORDER BY o.name`;
  const values = [grantee, text(state, "schema"), kind ?? null];
  const rows = await during("could not read privileges", session.query<Granted>(sql, values));
  const named = list(state, "objects").map((object) => object.split("(")[0]);
  return named.length > 0 ? rows.filter((row) => named.includes(row.name)) : rows;
}

/** Those of the state's columns on which the role has the privilege as a column privilege. */
async function readColumns(session: Session, state: State, grantee: string): Promise<Value> {
  const sql = `SELECT attname::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    JOIN pg_namespace n ON n.oid = relnamespace, aclexplode(attacl) g
    WHERE nspname = $2 AND relname = $3 AND NOT attisdropped AND g.grantee = $1::oid AND g.privilege_type = $4`;
  const values = [grantee, text(state, "schema"), list(state, "objects")[0], list(state, "privileges")[0]];
  const rows = await during("could not read column privileges", session.query<{ name: string }>(sql, values));
  return normaliseSet(rows.map((row) => row.name));
}
