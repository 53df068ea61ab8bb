import { during } from "../errors.ts";
import type { Fields, State } from "../schema.ts";
import { databaseExists, lockRole } from "../server/catalog.ts";
import { grantMembership, revokeMembership, withRoles } from "../server/memberships.ts";
import type { Server, Session } from "../server/server.ts";
import { identifier, literal } from "../server/sql.ts";
import type { Feature } from "../server/version.ts";
import { readDatabase } from "./database-read.ts";
import { changed, flag, number, type ResourceType, text } from "./resource.ts";

const FIELDS = {
  allowConnections: { upstream: "allow_connections", type: "bool", default: true },
  alterObjectOwnership: { upstream: "alter_object_ownership", type: "bool", default: false },
  connectionLimit: { upstream: "connection_limit", type: "int", default: -1, atLeast: -1 },
  encoding: { upstream: "encoding", type: "string", computed: true, replaces: true },
  isTemplate: { upstream: "is_template", type: "bool", computed: true },
  lcCollate: { upstream: "lc_collate", type: "string", computed: true, replaces: true },
  lcCtype: { upstream: "lc_ctype", type: "string", computed: true, replaces: true },
  name: { upstream: "name", type: "string", required: true, autonamed: true },
  owner: { upstream: "owner", type: "string", computed: true },
  tablespaceName: { upstream: "tablespace_name", type: "string", computed: true },
  template: { upstream: "template", type: "string", computed: true, replaces: true },
} as const satisfies Fields;

/** A database: template, encoding and locale replace it, everything else changes in place. */
export const database: ResourceType = {
  fields: FIELDS,
  deleteBeforeReplace: "unless-autonamed",

  async create(server, planned) {
    const name = text(planned, "name");
    const sql = `CREATE DATABASE ${identifier(name)} ${(await createOptions(server, planned)).join(" ")}`;
    await server.change("", async (session) => {
      await asMember(session, text(planned, "owner"), async () => {
        await during(`error creating database "${name}"`, session.query(sql));
      });
    });
    return name;
  },

  read: readDatabase,

  async update(server, prior, planned) {
    const name = identifier(text(planned, "name"));
    await server.change("", async (session) => {
      await rename(session, prior, planned);
      await changeOwner(session, prior, planned);
    });
    await reassignObjects(server, prior, planned);
    await server.change("", async (session) => {
      const alter = async (what: string, action: string) =>
        during(`error updating database ${what}`, session.query(`ALTER DATABASE ${name} ${action}`));
      if (changed(FIELDS, prior, planned, "tablespaceName")) {
        const tablespace = text(planned, "tablespaceName");
        const reset = tablespace === "" || tablespace.toUpperCase() === "DEFAULT";
        await alter("TABLESPACE", reset ? "RESET TABLESPACE" : `SET TABLESPACE ${identifier(tablespace)}`);
      }
      if (changed(FIELDS, prior, planned, "connectionLimit")) {
        await alter("CONNECTION LIMIT", `CONNECTION LIMIT = ${number(planned, "connectionLimit")}`);
      }
      if (changed(FIELDS, prior, planned, "allowConnections")) {
        await require(server, "allowConnections", "database ALLOW_CONNECTIONS");
        await alter("ALLOW_CONNECTIONS", `ALLOW_CONNECTIONS ${flag(planned, "allowConnections")}`);
      }
      if (changed(FIELDS, prior, planned, "isTemplate")) {
        await require(server, "databaseIsTemplate", "database IS_TEMPLATE");
        await alter("IS_TEMPLATE", `IS_TEMPLATE ${flag(planned, "isTemplate")}`);
      }
    });
    return { ...planned, id: text(planned, "name") };
  },

  async remove(server, state) {
    const name = text(state, "name");
    await server.change("", async (session) => {
      await asMember(session, text(state, "owner"), async () => {
        if (flag(state, "isTemplate") && (await server.supports("databaseIsTemplate"))) {
          const clear = session.query(`ALTER DATABASE ${identifier(name)} IS_TEMPLATE false`);
          await during("error updating database IS_TEMPLATE during DROP DATABASE", clear);
        }
        await blockConnections(session, name);
        const force = (await server.supports("forcedDatabaseDrop")) ? " WITH (FORCE)" : "";
        await during("error dropping database", session.query(`DROP DATABASE ${identifier(name)}${force}`));
      });
    });
  },
};

async function createOptions(server: Server, planned: State): Promise<string[]> {
  const options = [`OWNER ${identifier(text(planned, "owner") || server.role)}`];
  const add = (option: string, name: string, quote: (value: string) => string, otherwise = "") => {
    const value = text(planned, name);
    const isDefault = value.toUpperCase() === "DEFAULT";
    const sql = value === "" ? otherwise : isDefault ? "DEFAULT" : quote(value);
    if (sql) options.push(`${option} ${sql}`);
  };
  add("TEMPLATE", "template", identifier, "template0");
  add("ENCODING", "encoding", literal, "'UTF8'");
  add("LC_COLLATE", "lcCollate", literal);
  add("LC_CTYPE", "lcCtype", literal);
  add("TABLESPACE", "tablespaceName", identifier);
  if (await server.supports("allowConnections")) {
    options.push(`ALLOW_CONNECTIONS ${flag(planned, "allowConnections")}`);
  }
  options.push(`CONNECTION LIMIT ${number(planned, "connectionLimit")}`);
  if (await server.supports("databaseIsTemplate")) options.push(`IS_TEMPLATE ${flag(planned, "isTemplate")}`);
  return options;
}

/** Ends the sessions of the database and lets no new one in. */
async function blockConnections(session: Session, name: string): Promise<void> {
  if (await session.server.supports("allowConnections")) {
    const block = session.query(`ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS false`);
    await during("error blocking connections to database", block);
  }
  const terminate = session.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
    [name],
  );
  await during("error terminating database connections", terminate);
}

/** CREATE and DROP DATABASE run outside transactions, so the membership is granted and revoked around them. */
async function asMember(session: Session, owner: string, step: () => Promise<void>): Promise<void> {
  const user = session.server.role;
  const granted = owner !== "" && (await grantMembership(session, owner, user));
  try {
    await step();
  } finally {
    if (granted) await revokeMembership(session, owner, user);
  }
}

async function rename(session: Session, prior: State, planned: State): Promise<void> {
  if (!changed(FIELDS, prior, planned, "name")) return;
  const name = text(planned, "name");
  if (name === "") throw new Error("error setting database name to an empty string");
  const sql = `ALTER DATABASE ${identifier(text(prior, "name"))} RENAME TO ${identifier(name)}`;
  await during("error updating database name", session.query(sql));
}

async function changeOwner(session: Session, prior: State, planned: State): Promise<void> {
  const owner = text(planned, "owner");
  if (!changed(FIELDS, prior, planned, "owner") || owner === "") return;
  await asMember(session, owner, async () => {
    const sql = `ALTER DATABASE ${identifier(text(planned, "name"))} OWNER TO ${identifier(owner)}`;
    await during("error updating database OWNER", session.query(sql));
  });
}

/** With `alterObjectOwnership` what the former owner has in the database passes to the new one. */
async function reassignObjects(server: Server, prior: State, planned: State): Promise<void> {
  const [former, owner] = [text(prior, "owner"), text(planned, "owner")];
  if (!flag(planned, "alterObjectOwnership") || owner === "" || former === "" || owner === former) return;
  const name = text(planned, "name");
  if (!(await server.session("", (session) => databaseExists(session, name)))) return;
  await server.transaction(name, async (session) => {
    await lockRole(session, former);
    await withRoles(session, [former, owner], async () => {
      const reassign = session.query(`REASSIGN OWNED BY ${identifier(former)} TO ${identifier(owner)}`);
      await during(`error reassigning objects owned by '${former}'`, reassign);
    });
  });
}

async function require(server: Server, feature: Feature, purpose: string): Promise<void> {
  if (await server.supports(feature)) return;
  const version = await server.versionText();
  throw new Error(
    `PostgreSQL client is talking with a server ("${version}") that does not support ${purpose}`,
  );
}
