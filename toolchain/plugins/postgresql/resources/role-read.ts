import { createHash } from "node:crypto";
import { during, ReadFailure } from "../errors.ts";
import { normaliseSet } from "../plan.ts";
import type { State } from "../schema.ts";
import { isSuperuser } from "../server/catalog.ts";
import type { Server, Session } from "../server/server.ts";
import { flag, text } from "./resource.ts";

interface RoleRow {
  rolname: string;
  rolsuper: boolean;
  rolinherit: boolean;
  rolcreaterole: boolean;
  rolcreatedb: boolean;
  rolcanlogin: boolean;
  rolconnlimit: number;
  rolvaliduntil: string;
  rolconfig: string[];
  rolreplication: boolean;
  rolbypassrls: boolean;
  roles: string[];
}

/**
 * Reads a role; what the server does not tell (flags of the program, a password in the clear) stays as it is.
 * @throws Error when a timeout is stored with a unit, or the password may be read but cannot.
 */
export async function readRole(server: Server, state: State): Promise<State | undefined> {
  const replication = await server.supports("replicationRoles");
  const rowSecurity = await server.supports("rowLevelSecurity");
  return server.session("", async (session) => {
    const sql = `SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit,
        coalesce(rolvaliduntil::text, 'infinity') AS rolvaliduntil, coalesce(rolconfig, '{}') AS rolconfig,
        ${replication ? "rolreplication" : "false AS rolreplication"},
        ${rowSecurity ? "rolbypassrls" : "false AS rolbypassrls"},
        array(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid) AS roles
      FROM pg_roles WHERE rolname = $1`;
    const [row] = await during("error reading ROLE", session.query<RoleRow>(sql, [text(state, "id")]));
    if (!row) return undefined;
    const read = fromRow(state, row);
    try {
      return { ...read, password: await readPassword(session, read) };
    } catch (error) {
      throw new ReadFailure(error, read);
    }
  });
}

function fromRow(state: State, row: RoleRow): State {
  return {
    ...state,
    id: row.rolname,
    name: row.rolname,
    assumeRole: setting(row.rolconfig, "role") ?? "",
    bypassRowLevelSecurity: row.rolbypassrls,
    connectionLimit: row.rolconnlimit,
    createDatabase: row.rolcreatedb,
    createRole: row.rolcreaterole,
    encryptedPassword: true,
    idleInTransactionSessionTimeout: milliseconds(row.rolconfig, "idle_in_transaction_session_timeout"),
    inherit: row.rolinherit,
    login: row.rolcanlogin,
    replication: row.rolreplication,
    roles: normaliseSet(row.roles),
    searchPaths: searchPath(row.rolconfig),
    skipDropRole: flag(state, "skipDropRole"),
    skipReassignOwned: flag(state, "skipReassignOwned"),
    statementTimeout: milliseconds(row.rolconfig, "statement_timeout"),
    superuser: row.rolsuper,
    validUntil: row.rolvaliduntil,
  };
}

/** The value of a setting in rolconfig (`name=value`). */
function setting(config: string[], name: string): string | undefined {
  return config.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function milliseconds(config: string[], name: string): number {
  const value = setting(config, name);
  if (value === undefined) return 0;
  if (!/^-?\d+$/.test(value)) {
    throw new Error(`error reading ${name}: strconv.Atoi: parsing "${value}": invalid syntax`);
  }
  return Number(value);
}

function searchPath(config: string[]): string[] {
  return (setting(config, "search_path")?.split(", ") ?? []).map((schema) => schema.replace(/^"+|"+$/g, ""));
}

async function readPassword(session: Session, read: State): Promise<State[string]> {
  const { settings } = session.server;
  const known = text(read, "password");
  if (!known || !flag(read, "login") || !settings.superuser) return read.password ?? null;
  if (!(await isSuperuser(session, session.server.role))) {
    throw new Error(
      `could not read role password from Postgres as connected user ${session.server.role} is not a SUPERUSER. ` +
        "You can set `superuser = false` in the provider configuration so it will not try to read the password " +
        "from Postgres",
    );
  }
  const [row] = await during(
    "error reading role",
    session.query<{ passwd: string }>(
      "SELECT coalesce(passwd, '') AS passwd FROM pg_shadow WHERE usename = $1",
      [text(read, "id")],
    ),
  );
  const stored = row?.passwd ?? "";
  return isSamePassword(known, stored, text(read, "id")) ? known : stored;
}

/** A password in the clear is compared with an md5 hash; a SCRAM verifier is taken as its own. */
function isSamePassword(known: string, stored: string, name: string): boolean {
  if (known.startsWith("md5") || known.startsWith("SCRAM-SHA-256")) return known === stored;
  if (stored.startsWith("SCRAM-SHA-256")) return true;
  return stored === `md5${createHash("md5").update(`${known}${name}`).digest("hex")}`;
}
