import { during } from "../errors.ts";
import type { State } from "../schema.ts";
import { lockRole } from "../server/catalog.ts";
import { withRoles } from "../server/memberships.ts";
import type { Server, Session } from "../server/server.ts";
import { identifier, literal } from "../server/sql.ts";
import type { Feature } from "../server/version.ts";
import type { Properties } from "../value.ts";
import { changed, flag, number, type ResourceType, text } from "./resource.ts";
import { ROLE_FIELDS } from "./role-fields.ts";
import { readRole } from "./role-read.ts";
import { changeRoleSettings, grantRoles, revokeRoles } from "./role-settings.ts";

interface RoleFlag {
  field: keyof typeof ROLE_FIELDS;
  /** The option that sets it; NO before it clears it. */
  option: string;
  /** What the server must be able to do; a role is created without the option otherwise. */
  feature?: Feature;
  /** What it does not support, in words. */
  purpose?: string;
}

const FLAGS: readonly RoleFlag[] = [
  { field: "superuser", option: "SUPERUSER" },
  { field: "createDatabase", option: "CREATEDB" },
  { field: "createRole", option: "CREATEROLE" },
  { field: "inherit", option: "INHERIT" },
  { field: "login", option: "LOGIN" },
  {
    field: "bypassRowLevelSecurity",
    option: "BYPASSRLS",
    feature: "rowLevelSecurity",
    purpose: "PostgreSQL Row-Level Security",
  },
  { field: "replication", option: "REPLICATION", feature: "replicationRoles", purpose: "replication roles" },
];

/** A role: every change is made in place, the name included. */
export const role: ResourceType = {
  fields: ROLE_FIELDS,
  deleteBeforeReplace: "unless-autonamed",
  read: readRole,

  async create(server, planned, inputs) {
    const name = text(planned, "name");
    const options = await createOptions(server, planned, inputs);
    await server.transaction("", async (session) => {
      const create = session.query(`CREATE ROLE ${identifier(name)} WITH ${options.join(" ")}`);
      await during(`error creating role ${name}`, create);
      await grantRoles(session, planned);
      await changeRoleSettings(session, {}, planned);
    });
    return name;
  },

  async update(server, prior, planned, inputs) {
    await server.transaction("", async (session) => {
      await lockRole(session, text(prior, "name"));
      await rename(session, prior, planned);
      await changePassword(session, prior, planned, inputs);
      await changeOptions(session, prior, planned);
      await revokeRoles(session, text(planned, "name"));
      await grantRoles(session, planned);
      await changeRoleSettings(session, prior, planned);
    });
    // The official plugin keeps an empty password where a write-only one was set anew.
    const rewritten = changed(ROLE_FIELDS, prior, planned, "passwordWoVersion") && planned.password === null;
    return { ...planned, id: text(planned, "name"), ...(rewritten ? { password: "" } : {}) };
  },

  async remove(server, state) {
    const name = text(state, "name");
    await server.transaction("", async (session) => {
      await lockRole(session, name);
      if (!flag(state, "skipReassignOwned")) await giveUpOwned(session, name);
      if (flag(state, "skipDropRole")) return;
      await during(`could not delete role ${name}`, session.query(`DROP ROLE ${identifier(name)}`));
    });
  },
};

async function createOptions(server: Server, planned: State, inputs: Properties): Promise<string[]> {
  const options: string[] = [];
  const password = text(inputs, "passwordWo") || text(planned, "password");
  if (password.toUpperCase() === "NULL") options.push("PASSWORD NULL");
  else if (password) {
    options.push(
      flag(planned, "encryptedPassword") ? "ENCRYPTED" : "UNENCRYPTED",
      `PASSWORD ${literal(password)}`,
    );
  }
  const validUntil = text(planned, "validUntil");
  if (validUntil) options.push(`VALID UNTIL ${literal(validUntil)}`);
  options.push(`CONNECTION LIMIT ${number(planned, "connectionLimit")}`);
  for (const { field, option, feature } of FLAGS) {
    if (feature && !(await server.supports(feature))) continue;
    options.push(flag(planned, field) ? option : `NO${option}`);
  }
  return options;
}

async function rename(session: Session, prior: State, planned: State): Promise<void> {
  if (!changed(ROLE_FIELDS, prior, planned, "name")) return;
  const name = text(planned, "name");
  if (name === "") throw new Error("error setting role name to an empty string");
  const sql = `ALTER ROLE ${identifier(text(prior, "name"))} RENAME TO ${identifier(name)}`;
  await during("error updating role NAME", session.query(sql));
}

/** A removed password stays in force: taking it away could lock somebody out unnoticed. */
async function changePassword(
  session: Session,
  prior: State,
  planned: State,
  inputs: Properties,
): Promise<void> {
  const name = text(planned, "name");
  const writeOnly = changed(ROLE_FIELDS, prior, planned, "passwordWoVersion")
    ? text(inputs, "passwordWo")
    : "";
  // Renaming a role clears an md5 password, which is hashed with the name.
  const stored =
    changed(ROLE_FIELDS, prior, planned, "password") || changed(ROLE_FIELDS, prior, planned, "name");
  const password = writeOnly || (stored ? text(planned, "password") : "");
  if (!password) return;
  const alter = session.query(`ALTER ROLE ${identifier(name)} PASSWORD ${literal(password)}`);
  await during("error updating role password", alter);
}

async function changeOptions(session: Session, prior: State, planned: State): Promise<void> {
  const name = identifier(text(planned, "name"));
  const alter = async (what: string, option: string) =>
    during(`error updating role ${what}`, session.query(`ALTER ROLE ${name} ${option}`));
  if (changed(ROLE_FIELDS, prior, planned, "connectionLimit")) {
    await alter("CONNECTION LIMIT", `CONNECTION LIMIT ${number(planned, "connectionLimit")}`);
  }
  for (const { field, option, feature, purpose } of FLAGS) {
    if (!changed(ROLE_FIELDS, prior, planned, field)) continue;
    if (feature && !(await session.server.supports(feature))) {
      const version = await session.server.versionText();
      throw new Error(
        `PostgreSQL client is talking with a server ("${version}") that does not support ${purpose}`,
      );
    }
    await alter(option, `WITH ${flag(planned, field) ? option : `NO${option}`}`);
  }
  const validUntil = text(planned, "validUntil");
  if (changed(ROLE_FIELDS, prior, planned, "validUntil") && validUntil) {
    await alter("VALID UNTIL", `VALID UNTIL ${literal(validUntil)}`);
  }
}

/** What the role owns in the administrative database passes to the provider's user, its privileges go. */
async function giveUpOwned(session: Session, name: string): Promise<void> {
  const user = session.server.role;
  await withRoles(session, [name], async () => {
    const reassign = session.query(`REASSIGN OWNED BY ${identifier(name)} TO ${identifier(user)}`);
    await during(`could not reassign owned by role ${name} to ${user}`, reassign);
    await during(`could not drop owned by role ${name}`, session.query(`DROP OWNED BY ${identifier(name)}`));
  });
}
