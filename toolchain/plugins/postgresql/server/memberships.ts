import { during } from "../errors.ts";
import { isSuperuser, roleExists } from "./catalog.ts";
import type { Session } from "./server.ts";
import { identifier } from "./sql.ts";

/**
 * Runs a step while the provider's user is a member of the given roles, which a user without superuser needs to
 * change their objects. Memberships that were missing are granted for the time of the step; a membership in the
 * other direction, which the server would refuse as a circle, is taken away for that time.
 */
export async function withRoles<T>(
  session: Session,
  roles: readonly string[],
  step: () => Promise<T>,
): Promise<T> {
  const [row] = await session.query<{ user: string }>('SELECT current_user AS "user"');
  const user = row?.user ?? "";
  if (roles.length === 0 || (await isSuperuser(session, user))) return step();
  const granted: string[] = [];
  const revoked: string[] = [];
  for (const role of new Set(roles)) {
    if (await isSuperuser(session, role)) continue; // only superusers can become members of superusers
    if (await revokeMembership(session, user, role)) revoked.push(role);
    if (await grantMembership(session, role, user)) granted.push(role);
  }
  const result = await step();
  for (const role of granted) await revokeMembership(session, role, user);
  for (const role of revoked) {
    if (await roleExists(session, role)) await grantMembership(session, user, role);
  }
  return result;
}

/** Makes `member` a member of `role`; true when it was none before. */
export async function grantMembership(session: Session, role: string, member: string): Promise<boolean> {
  if (member === role || (await isMember(session, role, member))) return false;
  const grant = session.query(`GRANT ${identifier(role)} TO ${identifier(member)}`);
  await during(`error granting role ${role} to ${member}`, grant);
  return true;
}

/** Ends the membership of `member` in `role`; true when there was one. */
export async function revokeMembership(session: Session, role: string, member: string): Promise<boolean> {
  if (member === role || !(await isMember(session, role, member))) return false;
  const revoke = session.query(`REVOKE ${identifier(role)} FROM ${identifier(member)}`);
  await during(`error revoking role ${role} from ${member}`, revoke);
  return true;
}

/** Memberships that allow SET ROLE; since PostgreSQL 16 the creator of a role has one that does not. */
async function isMember(session: Session, role: string, member: string): Promise<boolean> {
  const sql = `SELECT 1 FROM pg_auth_members m
    WHERE pg_get_userbyid(roleid) = $1 AND pg_get_userbyid(member) = $2
    AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)`;
  const rows = await during("could not read role membership", session.query(sql, [role, member]));
  return rows.length > 0;
}
