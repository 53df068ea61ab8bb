import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineAvailable, type Postgres18, startPostgres18 } from "../support/postgres18.ts";
import { type Properties, secret, startPlugin, type TestPlugin } from "./support/plugin.ts";

const type = "RoleSettings";
const settings = { statement_timeout: "15s", search_path: "app,public", "app.note": 'it\'s; a \\ "test"' };

describe.skipIf(!(await engineAvailable()))("RoleSettings", () => {
  let server: Postgres18;
  let plugin: TestPlugin;

  beforeAll(async () => {
    server = await startPostgres18();
    plugin = await startPlugin();
    await sql('CREATE ROLE "we ird""role" LOGIN');
    await sql('CREATE DATABASE "d b"');
  });
  afterAll(async () => {
    await plugin?.stop();
    await server?.stop();
  });

  function inputs(role: string, wanted: Record<string, string>, port = server.port): Properties {
    const { host, password } = server;
    const connection = { host, port, database: "postgres", user: "postgres", password: secret(password) };
    return { connection, role, database: "d b", settings: wanted };
  }

  async function sql(text: string): Promise<Record<string, unknown>[]> {
    const { host, port, password } = server;
    const client = new pg.Client({ host, port, user: "postgres", password, database: "postgres" });
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** What a session of the role in the database would run. */
  async function stored(role: string): Promise<unknown> {
    const [row] = await sql(
      `SELECT setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE rolname = '${role}'`,
    );
    return row?.setconfig;
  }

  it("sets, changes, finds drift key by key, repairs it and resets", async () => {
    const role = 'we ird"role';
    const first = inputs(role, settings);
    const { id, state } = await plugin.create(type, first);
    expect(await stored(role)).toEqual(
      expect.arrayContaining(["statement_timeout=15s", `app.note=${settings["app.note"]}`]),
    );
    const read = await plugin.read(type, id, state, first);
    expect(await plugin.diff(type, read.state, read.inputs, first)).toEqual({});

    const second = inputs(role, { statement_timeout: "8s" });
    expect(await plugin.diff(type, state, first, second)).toEqual({
      "settings.search_path": "DELETE",
      "settings.statement_timeout": "UPDATE",
      'settings["app.note"]': "DELETE",
    });
    await plugin.update(type, id, state, first, second);
    expect(await stored(role)).toEqual(["statement_timeout=8s"]);

    await sql(`ALTER ROLE "we ird""role" IN DATABASE "d b" SET lock_timeout = '3s'`);
    const drifted = await plugin.read(type, id, state, second);
    expect(await plugin.diff(type, drifted.state, drifted.inputs, second)).toEqual({
      "settings.lock_timeout": "DELETE",
    });
    await plugin.update(type, id, drifted.state, drifted.inputs, second);
    expect(await stored(role)).toEqual(["statement_timeout=8s"]);

    await plugin.delete(type, id, state, second);
    expect(await stored(role)).toBeUndefined();
  });

  it("finds no drift in settings whose names Postgres spells with capitals", async () => {
    await sql("CREATE ROLE abroad");
    const wanted = inputs("abroad", {
      timezone: "Asia/Tokyo",
      datestyle: "iso, dmy",
      intervalstyle: "iso_8601",
    });
    const { id, state } = await plugin.create(type, wanted);
    expect(await stored("abroad")).toContain("TimeZone=Asia/Tokyo");
    const read = await plugin.read(type, id, state, wanted);
    expect(await plugin.diff(type, read.state, read.inputs, wanted)).toEqual({});
    const less = inputs("abroad", { datestyle: "iso, dmy" });
    await plugin.update(type, id, read.state, read.inputs, less);
    expect(await stored("abroad")).toEqual(["DateStyle=iso, dmy"]);
  });

  it("lets several deployments alter the same role at once", async () => {
    await sql("CREATE ROLE busy");
    const wanted = Array.from({ length: 8 }, (_, index) =>
      inputs("busy", { statement_timeout: `${index + 1}s` }),
    );
    await Promise.all(wanted.map((one) => plugin.create(type, one)));
    expect(await stored("busy")).toEqual([expect.stringMatching(/^statement_timeout=[1-8]s$/)]);
  });

  it("is gone with its role, and deleting it then is fine", async () => {
    await sql("CREATE ROLE passing");
    const wanted = inputs("passing", settings);
    const { id, state } = await plugin.create(type, wanted);
    await sql("DROP ROLE passing");
    expect((await plugin.read(type, id, state, wanted)).id).toBe("");
    await plugin.delete(type, id, state, wanted);
  });

  it("keeps what it knows while the server cannot be reached", async () => {
    const wanted = inputs("nobody", settings, 1);
    const read = await plugin.read(type, "nobody/d b", wanted, wanted);
    expect(read.inputs).toEqual(wanted);
  });

  it("names server and value, never the password, when Postgres refuses", async () => {
    const refused = plugin.create(type, inputs("postgres", { statement_timeout: "soon" }));
    await expect(refused).rejects.toThrow(
      /postgres@127.0.0.1:\d+\/postgres: invalid value for parameter "statement_timeout"/,
    );
    await expect(refused).rejects.not.toThrow(server.password);
  });
});
