import { during } from "../errors.ts";
import type { State } from "../schema.ts";
import type { Session } from "../server/server.ts";
import { identifier } from "../server/sql.ts";
import { changed, list, number, text } from "./resource.ts";
import { ROLE_FIELDS } from "./role-fields.ts";

/** Makes the role a member of its `roles`. */
export async function grantRoles(session: Session, planned: State): Promise<void> {
  const name = text(planned, "name");
  for (const granted of list(planned, "roles")) {
    const grant = session.query(`GRANT ${identifier(granted)} TO ${identifier(name)}`);
    await during(`could not grant role ${granted} to ${name}`, grant);
  }
}

/** Ends every membership of the role, those that the program does not know included. */
export async function revokeRoles(session: Session, name: string): Promise<void> {
  const memberships = await during(
    `could not get roles list for role ${name}`,
    session.query<{ granted: string }>(
      `SELECT pg_get_userbyid(roleid) AS granted FROM pg_auth_members WHERE pg_get_userbyid(member) = $1`,
      [name],
    ),
  );
  for (const { granted } of memberships) {
    const revoke = session.query(`REVOKE ${identifier(granted)} FROM ${identifier(name)}`);
    await during(`could not revoke role ${granted} from ${name}`, revoke);
  }
}

/** The settings that new sessions of the role begin with: search path, timeouts, role to assume. */
export async function changeRoleSettings(session: Session, prior: State, planned: State): Promise<void> {
  const name = text(planned, "name");
  await setSearchPath(session, name, list(planned, "searchPaths"));
  for (const [field, setting] of [
    ["statementTimeout", "statement_timeout"],
    ["idleInTransactionSessionTimeout", "idle_in_transaction_session_timeout"],
  ] as const) {
    if (!changed(ROLE_FIELDS, prior, planned, field)) continue;
    const milliseconds = number(planned, field);
    const action = milliseconds === 0 ? `RESET ${setting}` : `SET ${setting} TO ${milliseconds}`;
    const failure =
      milliseconds === 0
        ? `could not reset ${setting} for ${name}`
        : `could not set ${setting} ${milliseconds} for ${name}`;
    await during(failure, session.query(`ALTER ROLE ${identifier(name)} ${action}`));
  }
  if (!changed(ROLE_FIELDS, prior, planned, "assumeRole")) return;
  const assumed = text(planned, "assumeRole");
  const action = assumed ? `SET ROLE TO ${identifier(assumed)}` : "RESET ROLE";
  const failure = assumed ? `could not set role ${assumed} for ${name}` : `could not reset role for ${name}`;
  await during(failure, session.query(`ALTER ROLE ${identifier(name)} ${action}`));
}

/** Written on every change of the role, so that a path set behind the program's back goes. */
async function setSearchPath(session: Session, name: string, path: string[]): Promise<void> {
  for (const schema of path) {
    if (schema.includes(", ")) throw new Error(`search_path cannot contain \`, \`: ${schema}`);
  }
  const value = path.length > 0 ? path.map(identifier).join(", ") : "DEFAULT";
  const alter = session.query(`ALTER ROLE ${identifier(name)} SET search_path TO ${value}`);
  await during(`could not set search_path ${value} for ${name}`, alter);
}
