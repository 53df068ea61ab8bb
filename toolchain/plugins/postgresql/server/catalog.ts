import { during } from "../errors.ts";
import type { Session } from "./server.ts";

/** The role name that stands for everybody. */
export const PUBLIC = "public";

/** True when the database exists. */
export async function databaseExists(session: Session, name: string): Promise<boolean> {
  return exists(session, "database", "SELECT 1 FROM pg_database WHERE datname = $1", name);
}

/** True when the role exists. */
export async function roleExists(session: Session, name: string): Promise<boolean> {
  return exists(session, "role", "SELECT 1 FROM pg_roles WHERE rolname = $1", name);
}

/** True when the schema exists in the session's database. */
export async function schemaExists(session: Session, name: string): Promise<boolean> {
  return exists(session, "schema", "SELECT 1 FROM pg_namespace WHERE nspname = $1", name);
}

async function exists(session: Session, what: string, sql: string, name: string): Promise<boolean> {
  return (await during(`could not check if ${what} exists`, session.query(sql, [name]))).length > 0;
}

/** The owner of the session's database. */
export async function currentDatabaseOwner(session: Session): Promise<string> {
  const [row] = await session.query<{ owner: string }>(
    "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database()",
  );
  return row?.owner ?? "";
}

/**
 * The owner of a schema.
 * @throws Error when there is no such schema.
 */
export async function schemaOwner(session: Session, schema: string): Promise<string> {
  const [row] = await session.query<{ owner: string }>(
    "SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = $1",
    [schema],
  );
  if (!row) throw new Error(`could not find schema '${schema}' while looking for owner`);
  return row.owner;
}

/** The owners of the tables in a schema. */
export async function tableOwners(session: Session, schema: string): Promise<string[]> {
  const rows = await session.query<{ owner: string }>(
    "SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = $1",
    [schema],
  );
  return rows.map((row) => row.owner);
}

/** The number of a role; 0 stands for everybody. */
export async function roleOid(session: Session, role: string): Promise<string> {
  if (role === PUBLIC) return "0";
  const [row] = await session.query<{ oid: string }>("SELECT oid::text FROM pg_roles WHERE rolname = $1", [
    role,
  ]);
  if (!row) throw new Error(`could not find oid for role ${role}`);
  return row.oid;
}

/** True when the role is a superuser. */
export async function isSuperuser(session: Session, role: string): Promise<boolean> {
  const [row] = await session.query<{ rolsuper: boolean }>(
    "SELECT rolsuper FROM pg_roles WHERE rolname = $1",
    [role],
  );
  if (!row) throw new Error(`could not check if role ${role} is superuser: sql: no rows in result set`);
  return row.rolsuper;
}

/** Holds off others who change the same role until the end of the transaction. */
export async function lockRole(session: Session, role: string): Promise<void> {
  const lock = session.query("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_roles WHERE rolname = $1", [
    role,
  ]);
  await during(`could not get advisory lock for role ${role}`, lock);
}

/** Holds off others who change the same database until the end of the transaction. */
export async function lockDatabase(session: Session, name: string): Promise<void> {
  const lock = session.query(
    "SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_database WHERE datname = $1",
    [name],
  );
  await during(`could not get advisory lock for database ${name}`, lock);
}
