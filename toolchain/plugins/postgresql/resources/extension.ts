import { during } from "../errors.ts";
import type { Fields, State } from "../schema.ts";
import { currentDatabaseOwner, databaseExists } from "../server/catalog.ts";
import { withRoles } from "../server/memberships.ts";
import type { Server } from "../server/server.ts";
import { identifier } from "../server/sql.ts";
import { idParts } from "./ids.ts";
import { changed, flag, type ResourceType, text } from "./resource.ts";

const FIELDS = {
  createCascade: { upstream: "create_cascade", type: "bool", default: false },
  database: { upstream: "database", type: "string", computed: true, replaces: true },
  dropCascade: { upstream: "drop_cascade", type: "bool", default: false },
  name: { upstream: "name", type: "string", required: true, replaces: true, autonamed: true },
  schema: { upstream: "schema", type: "string", computed: true },
  version: { upstream: "version", type: "string", computed: true },
} as const satisfies Fields;

/** An extension of a database. One that is installed already is taken over as it is. */
export const extension: ResourceType = {
  fields: FIELDS,
  deleteBeforeReplace: "unless-autonamed",

  async create(server, planned) {
    const name = text(planned, "name");
    const database = databaseOf(server, planned);
    const schema = text(planned, "schema");
    const version = text(planned, "version");
    const options = [
      ...(schema ? [`SCHEMA ${identifier(schema)}`] : []),
      ...(version ? [`VERSION ${identifier(version)}`] : []),
      ...(flag(planned, "createCascade") ? ["CASCADE"] : []),
    ];
    const sql = ["CREATE EXTENSION IF NOT EXISTS", identifier(name), ...options].join(" ");
    await server.transaction(
      database,
      async (session) => {
        await withRoles(session, [await currentDatabaseOwner(session)], async () => {
          await session.query(sql);
        });
      },
      "error creating extension",
    );
    return `${database}.${name}`;
  },

  async read(server, state) {
    const [database, name] = idParts(state, server.settings.database, "extension");
    if (!(await server.session("", (session) => databaseExists(session, database)))) return undefined;
    return server.session(database, async (session) => {
      const sql = `SELECT nspname::text AS schema, extversion AS version FROM pg_extension
        JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = $1`;
      const read = session.query<{ schema: string; version: string }>(sql, [name]);
      const [row] = await during("error reading extension", read);
      return row && { ...state, id: `${database}.${name}`, database, name, ...row };
    });
  },

  async update(server, prior, planned) {
    const name = text(planned, "name");
    const database = databaseOf(server, planned);
    await server.transaction(
      database,
      async (session) => {
        if (changed(FIELDS, prior, planned, "schema")) {
          const schema = text(planned, "schema");
          if (schema === "") throw new Error("error setting extension name to an empty string");
          const sql = `ALTER EXTENSION ${identifier(name)} SET SCHEMA ${identifier(schema)}`;
          await during("error updating extension SCHEMA", session.query(sql));
        }
        if (changed(FIELDS, prior, planned, "version")) {
          const version = text(planned, "version");
          const target = version ? ` TO ${identifier(version)}` : "";
          const update = session.query(`ALTER EXTENSION ${identifier(name)} UPDATE${target}`);
          await during("error updating extension version", update);
        }
      },
      "error updating extension",
    );
    return { ...planned, id: `${database}.${name}` };
  },

  async remove(server, state) {
    await server.transaction(
      databaseOf(server, state),
      async (session) => {
        await withRoles(session, [await currentDatabaseOwner(session)], async () => {
          const mode = flag(state, "dropCascade") ? "CASCADE" : "RESTRICT";
          await session.query(`DROP EXTENSION ${identifier(text(state, "name"))} ${mode}`);
        });
      },
      "error deleting extension",
    );
  },
};

function databaseOf(server: Server, state: State): string {
  return text(state, "database") || server.settings.database;
}
