import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { migrationsIn } from "../../provider/sdk/migrations.ts";
import { engineAvailable, type Postgres18, startPostgres18 } from "../support/postgres18.ts";
import { type Properties, secret, startPlugin, type TestPlugin, visible } from "./support/plugin.ts";

/** A function body and a text with semicolons: whoever cuts scripts at them fails here. */
const initScript = `CREATE TABLE "note" (id int PRIMARY KEY, text text NOT NULL);
CREATE FUNCTION "twice"(n int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE r int; BEGIN r := n * 2; RETURN r; END $$;
INSERT INTO "note" VALUES (1, 'a; b');
`;

describe.skipIf(!(await engineAvailable()))("Migrations", () => {
  let server: Postgres18;
  let plugin: TestPlugin;
  let directory: string;
  let database = 0;

  beforeAll(async () => {
    server = await startPostgres18();
    plugin = await startPlugin();
  });
  afterAll(async () => {
    await plugin?.stop();
    await server?.stop();
  });
  beforeEach(async () => {
    database += 1;
    await sql("postgres", `CREATE DATABASE d${database}`);
    await sql(`d${database}`, "CREATE SCHEMA app");
    directory = mkdtempSync(join(tmpdir(), "poolkit-migrations-"));
    return () => rmSync(directory, { recursive: true });
  });

  async function sql(name: string, text: string): Promise<Record<string, unknown>[]> {
    const { host, port, password } = server;
    const client = new pg.Client({ host, port, user: "postgres", password, database: name });
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  function write(name: string, script: string): void {
    mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, name, "migration.sql"), script);
  }

  function inputs(): Properties {
    const { host, port, password } = server;
    const connection = { host, port, user: "postgres", database: `d${database}`, password: secret(password) };
    return { connection, schema: "app", directory, migrations: migrationsIn(directory) };
  }

  it("applies what is missing, in order, once, into the schema", async () => {
    write("1_init", initScript);
    const first = await plugin.create("Migrations", inputs());
    write("2_more", 'ALTER TABLE "note" ADD COLUMN more int DEFAULT twice(4)');
    const second = await plugin.update("Migrations", first.id, first.state, first.state, inputs());
    await plugin.update("Migrations", first.id, second, second, inputs());
    expect(await sql(`d${database}`, "SELECT id, text, more FROM app.note")).toEqual([
      { id: 1, text: "a; b", more: 8 },
    ]);
    expect(await sql(`d${database}`, "SELECT migration_name FROM app._prisma_migrations ORDER BY 1")).toEqual(
      [{ migration_name: "1_init" }, { migration_name: "2_more" }],
    );
    expect(JSON.stringify(visible(second))).not.toContain(server.password);
  });

  it("lets two deployments at the same time both succeed", async () => {
    write("1_init", initScript);
    write("2_slow", "SELECT pg_sleep(1)");
    const other = await startPlugin();
    try {
      await Promise.all([plugin.create("Migrations", inputs()), other.create("Migrations", inputs())]);
      expect([...plugin.messages, ...other.messages].join("\n")).toContain("another deployment is migrating");
    } finally {
      await other.stop();
    }
    expect(await sql(`d${database}`, "SELECT count(*)::int AS n FROM app._prisma_migrations")).toEqual([
      { n: 2 },
    ]);
  });

  it("names the failed migration, its line and Postgres' words, keeps nothing of it, and runs it when corrected", async () => {
    write("1_init", initScript);
    write("2_bad", "CREATE TABLE half (id int);\n\nSELECT * FROM nowhere;\n");
    const failed = plugin.create("Migrations", inputs());
    await expect(failed).rejects.toThrow(/2_bad.*line 3.*relation "nowhere" does not exist/s);
    expect(
      await sql(`d${database}`, "SELECT to_regclass('app.half') AS half, to_regclass('app.note') AS note"),
    ).toEqual([{ half: null, note: expect.any(String) }]);
    write("2_bad", "CREATE TABLE half (id int);\n");
    await plugin.create("Migrations", inputs());
    expect(await sql(`d${database}`, "SELECT to_regclass('app.half') IS NOT NULL AS there")).toEqual([
      { there: true },
    ]);
  });

  it("shows a migration that the database does not have as drift, and refuses one changed after it was applied", async () => {
    write("1_init", initScript);
    const { id, state } = await plugin.create("Migrations", inputs());
    await sql(`d${database}`, "DELETE FROM app._prisma_migrations");
    const gone = await plugin.read("Migrations", id, state, inputs());
    expect(await plugin.diff("Migrations", gone.state, gone.inputs, inputs())).toEqual({
      'migrations["1_init"]': "ADD",
    });
    await sql(`d${database}`, "DROP SCHEMA app CASCADE");
    await sql(`d${database}`, "CREATE SCHEMA app");
    await plugin.update("Migrations", id, gone.state, gone.inputs, inputs());
    write("1_init", `${initScript}-- edited\n`);
    await expect(plugin.update("Migrations", id, state, state, inputs())).rejects.toThrow(
      "changed after it was applied: 1_init",
    );
  });

  it("leaves data alone when it is deleted", async () => {
    write("1_init", initScript);
    const { id, state } = await plugin.create("Migrations", inputs());
    await plugin.delete("Migrations", id, state, inputs());
    expect(await sql(`d${database}`, "SELECT count(*)::int AS n FROM app.note")).toEqual([{ n: 1 }]);
  });
});
