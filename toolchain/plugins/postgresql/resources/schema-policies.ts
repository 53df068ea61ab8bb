import { during } from "../errors.ts";
import type { State } from "../schema.ts";
import { roleExists } from "../server/catalog.ts";
import { withRoles } from "../server/memberships.ts";
import type { Session } from "../server/server.ts";
import { identifier } from "../server/sql.ts";
import { isObject } from "../value.ts";
import { text } from "./resource.ts";

/** The privileges of one role on a schema; the empty role is everybody. */
interface Policy {
  role: string;
  create: boolean;
  createWithGrant: boolean;
  usage: boolean;
  usageWithGrant: boolean;
}

/** Grants what the policies of a new schema say. */
export async function grantPolicies(session: Session, planned: State): Promise<void> {
  for (const policy of policiesByRole(planned).values()) {
    for (const statement of grants(planned, policy)) await session.query(statement);
  }
}

/** Revokes the policies that went or changed and grants those that came or changed. */
export async function changePolicies(session: Session, prior: State, planned: State): Promise<void> {
  const before = policiesByRole(prior);
  const after = policiesByRole(planned);
  const statements: string[] = [];
  for (const [role, policy] of before) {
    if (JSON.stringify(after.get(role)) === JSON.stringify(policy)) continue;
    // A role that is gone took its privileges along.
    if (role === "" || (await roleExists(session, policy.role))) statements.push(...revokes(planned, policy));
  }
  for (const [role, policy] of after) {
    if (JSON.stringify(before.get(role)) !== JSON.stringify(policy))
      statements.push(...grants(planned, policy));
  }
  await withRoles(session, [text(planned, "owner")].filter(Boolean), async () => {
    for (const statement of statements) await during("error updating schema DCL", session.query(statement));
  });
}

function policiesByRole(state: State): Map<string, Policy> {
  const policies = new Map<string, Policy>();
  for (const element of Array.isArray(state.policies) ? state.policies : []) {
    if (!isObject(element)) continue;
    const role = text(element, "role");
    const former = policies.get(role.toLowerCase());
    const has = (name: Exclude<keyof Policy, "role">) => element[name] === true || former?.[name] === true;
    policies.set(role.toLowerCase(), {
      role,
      create: has("create"),
      createWithGrant: has("createWithGrant"),
      usage: has("usage"),
      usageWithGrant: has("usageWithGrant"),
    });
  }
  return policies;
}

function privileges(policy: Policy): Array<{ privilege: string; withGrant: boolean }> {
  const wanted = [];
  if (policy.create || policy.createWithGrant) {
    wanted.push({ privilege: "CREATE", withGrant: policy.createWithGrant });
  }
  if (policy.usage || policy.usageWithGrant)
    wanted.push({ privilege: "USAGE", withGrant: policy.usageWithGrant });
  return wanted;
}

function grantee(policy: Policy): string {
  return policy.role === "" ? "PUBLIC" : identifier(policy.role);
}

function grants(state: State, policy: Policy): string[] {
  const target = `ON SCHEMA ${identifier(text(state, "name"))} TO ${grantee(policy)}`;
  return privileges(policy).map(
    ({ privilege, withGrant }) => `GRANT ${privilege} ${target}${withGrant ? " WITH GRANT OPTION" : ""}`,
  );
}

function revokes(state: State, policy: Policy): string[] {
  const target = `ON SCHEMA ${identifier(text(state, "name"))} FROM ${grantee(policy)}`;
  return privileges(policy).map(({ privilege }) => `REVOKE ${privilege} ${target}`);
}
