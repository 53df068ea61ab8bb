import { during } from "../errors.ts";
import type { Fields, State } from "../schema.ts";
import { currentDatabaseOwner, databaseExists, schemaExists } from "../server/catalog.ts";
import { withRoles } from "../server/memberships.ts";
import type { Server, Session } from "../server/server.ts";
import { identifier } from "../server/sql.ts";
import { idParts } from "./ids.ts";
import { changed, flag, type ResourceType, text } from "./resource.ts";
import { changePolicies, grantPolicies } from "./schema-policies.ts";

const FIELDS = {
  database: { upstream: "database", type: "string", computed: true, replaces: true },
  dropCascade: { upstream: "drop_cascade", type: "bool", default: false },
  ifNotExists: { upstream: "if_not_exists", type: "bool", default: true },
  name: { upstream: "name", type: "string", required: true, autonamed: true },
  owner: { upstream: "owner", type: "string", computed: true },
  policies: {
    upstream: "policy",
    type: "set",
    computed: true,
    deprecated: 'Use postgresql_grant resource instead (with object_type="schema")',
    elements: {
      create: { upstream: "create", type: "bool", default: false },
      createWithGrant: { upstream: "create_with_grant", type: "bool", default: false },
      role: { upstream: "role", type: "string", default: "" },
      usage: { upstream: "usage", type: "bool", default: false },
      usageWithGrant: { upstream: "usage_with_grant", type: "bool", default: false },
    },
  },
} as const satisfies Fields;

/** A schema of a database. One that exists already is taken over, whatever `ifNotExists` says. */
export const schema: ResourceType = {
  fields: FIELDS,
  deleteBeforeReplace: "unless-autonamed",

  async create(server, planned) {
    const database = databaseOf(server, planned);
    const commitFailure = "error committing schema";
    await server.transaction(
      database,
      async (session) => {
        const owners = [await currentDatabaseOwner(session), text(planned, "owner")].filter(Boolean);
        await withRoles(session, owners, () => createIn(session, planned));
      },
      commitFailure,
    );
    return `${database}.${text(planned, "name")}`;
  },

  read: readSchema,

  async update(server, prior, planned) {
    const database = databaseOf(server, planned);
    await server.transaction(database, async (session) => {
      await rename(session, prior, planned);
      if (changed(FIELDS, prior, planned, "owner")) await setOwner(session, planned);
      await changePolicies(session, prior, planned);
    });
    return { ...planned, id: `${database}.${text(planned, "name")}` };
  },

  async remove(server, state) {
    const name = text(state, "name");
    await server.transaction(databaseOf(server, state), async (session) => {
      if (!(await schemaExists(session, name))) return;
      await withRoles(session, [text(state, "owner")].filter(Boolean), async () => {
        const mode = flag(state, "dropCascade") ? "CASCADE" : "RESTRICT";
        await during("error deleting schema", session.query(`DROP SCHEMA ${identifier(name)} ${mode}`));
      });
    });
  },
};

function databaseOf(server: Server, state: State): string {
  return text(state, "database") || server.settings.database;
}

async function createIn(session: Session, planned: State): Promise<void> {
  const name = text(planned, "name");
  const owner = text(planned, "owner");
  if (await schemaExists(session, name)) {
    if (owner) await setOwner(session, planned);
  } else {
    const guarded = flag(planned, "ifNotExists") && (await session.server.supports("schemaIfNotExists"));
    const authorization = owner ? ` AUTHORIZATION ${identifier(owner)}` : "";
    const sql = `CREATE SCHEMA ${guarded ? "IF NOT EXISTS " : ""}${identifier(name)}${authorization}`;
    await during(`error creating schema ${name}`, session.query(sql));
  }
  await during(`error creating schema ${name}`, grantPolicies(session, planned));
}

async function setOwner(session: Session, planned: State): Promise<void> {
  const owner = text(planned, "owner");
  if (owner === "") throw new Error("error setting schema owner to an empty string");
  const sql = `ALTER SCHEMA ${identifier(text(planned, "name"))} OWNER TO ${identifier(owner)}`;
  await during("error updating schema OWNER", session.query(sql));
}

async function rename(session: Session, prior: State, planned: State): Promise<void> {
  if (!changed(FIELDS, prior, planned, "name")) return;
  const name = text(planned, "name");
  if (name === "") throw new Error("error setting schema name to an empty string");
  const sql = `ALTER SCHEMA ${identifier(text(prior, "name"))} RENAME TO ${identifier(name)}`;
  await during("error updating schema NAME", session.query(sql));
}

/** The owner is read back; privileges of the schema are not (`policies` stay as they are). */
async function readSchema(server: Server, state: State): Promise<State | undefined> {
  const [database, name] = idParts(state, server.settings.database, "schema");
  if (!(await server.session("", (session) => databaseExists(session, database)))) return undefined;
  return server.session(database, async (session) => {
    const sql = "SELECT pg_get_userbyid(nspowner)::text AS owner FROM pg_namespace WHERE nspname = $1";
    const [row] = await during("error reading schema", session.query<{ owner: string }>(sql, [name]));
    if (!row) return undefined;
    const policies = state.policies ?? [];
    return { ...state, id: `${database}.${name}`, database, name, owner: row.owner, policies };
  });
}
