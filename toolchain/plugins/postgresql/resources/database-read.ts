import { during } from "../errors.ts";
import type { State } from "../schema.ts";
import type { Server } from "../server/server.ts";
import { text } from "./resource.ts";

interface DatabaseRow {
  datname: string;
  owner: string;
  encoding: string;
  datcollate: string;
  datctype: string;
  spcname: string;
  datconnlimit: number;
  datallowconn: boolean;
  datistemplate: boolean;
}

/** Reads a database; the template is not stored by the server and stays as it is. */
export async function readDatabase(server: Server, state: State): Promise<State | undefined> {
  const allowConnections = await server.supports("allowConnections");
  const isTemplate = await server.supports("databaseIsTemplate");
  return server.session("", async (session) => {
    const sql = `SELECT datname::text, pg_get_userbyid(datdba)::text AS owner, pg_encoding_to_char(encoding) AS encoding,
        datcollate::text, datctype::text, spcname::text, datconnlimit, datallowconn, datistemplate
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE datname = $1`;
    const [row] = await during(
      "error reading database",
      session.query<DatabaseRow>(sql, [text(state, "id")]),
    );
    if (!row) return undefined;
    return {
      ...state,
      id: row.datname,
      name: row.datname,
      owner: row.owner,
      encoding: row.encoding,
      lcCollate: row.datcollate,
      lcCtype: row.datctype,
      tablespaceName: row.spcname,
      connectionLimit: row.datconnlimit,
      template: text(state, "template") || "template0",
      ...(allowConnections ? { allowConnections: row.datallowconn } : {}),
      ...(isTemplate ? { isTemplate: row.datistemplate } : {}),
    };
  });
}
