import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { migrationsIn } from "../../provider/sdk/migrations.ts";
import { eventually } from "../support/load.ts";
import { engineAvailable, type Postgres18, startPostgres18 } from "../support/postgres18.ts";
import {
  keptAfter,
  type Properties,
  secret,
  startPlugin,
  type TestPlugin,
  visible,
} from "./support/plugin.ts";

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
    await sql("postgres", `CREATE DATABASE d${database} TEMPLATE template0 ENCODING 'UTF8'`);
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

  function write(name: string, script: string | Buffer): void {
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

  /** A migration that waits for a lock which somebody else has, begun by a plugin of its own. */
  async function waitingMigration(
    use: (other: TestPlugin, begun: Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    write("1_init", initScript);
    await plugin.create("Migrations", inputs());
    write("2_alter", 'ALTER TABLE "note" ADD COLUMN late int');
    const { host, port, password } = server;
    const reader = new pg.Client({ host, port, user: "postgres", password, database: `d${database}` });
    await reader.connect();
    const other = await startPlugin();
    try {
      await reader.query("BEGIN; SELECT FROM app.note");
      const begun = other.create("Migrations", inputs()).catch((error: unknown) => error);
      await eventually(async () => (await waiting()) === 1, { what: "a migration that waits" });
      await use(other, begun);
      await eventually(async () => (await waiting()) === 0, { what: "the end of the migration" });
      // What waits for a lock keeps everybody behind it waiting, too.
      await sql(`d${database}`, "SET statement_timeout = '1s'; SELECT FROM app.note");
    } finally {
      await reader.end();
      await other.stop();
    }
    const late = "SELECT count(*)::int AS n FROM information_schema.columns WHERE column_name = 'late'";
    expect(await sql(`d${database}`, late)).toEqual([{ n: 0 }]);
  }

  const waiting = async () => {
    const [row] = await sql(
      `d${database}`,
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'poolkit-migrations' AND wait_event_type = 'Lock'",
    );
    return row?.n;
  };

  it("ends a migration in the database when the deployment is cancelled, and the next one goes on", async () => {
    await waitingMigration(async (other, begun) => {
      await other.cancel();
      expect(String(await begun)).toContain("cancelled before it was done; the next `pulumi up` goes on");
      const words = /2_alter failed.*canceling statement.*nothing of it was kept: run `pulumi up` again/;
      await eventually(async () => words.test(other.messages.join()), { what: "the reason" });
    });
    await plugin.create("Migrations", inputs());
    expect(await sql(`d${database}`, "SELECT late FROM app.note")).toEqual([{ late: null }]);
  });

  it("ends a migration in the database when the plugin is killed, and the next one goes on", async () => {
    await waitingMigration(async (other) => other.kill());
    await plugin.create("Migrations", inputs());
    expect(await sql(`d${database}`, "SELECT late FROM app.note")).toEqual([{ late: null }]);
    expect(plugin.messages.join()).toContain(
      "2_alter: an earlier deployment was cut in it and nothing of it",
    );
  });

  it.each([
    ["was applied when its deployment was killed", "applied_steps_count"],
    ["had not begun when its deployment was killed", "logs"],
  ])("applies a migration once that %s", async (_, column) => {
    // What the engine or the plugin notes in this column waits for whoever holds the lock.
    write(
      "1_init",
      `CREATE TABLE "done" (at timestamptz DEFAULT now());
       CREATE FUNCTION "hold"() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
       CREATE TRIGGER "hold" BEFORE UPDATE OF ${column} ON "_prisma_migrations"
         FOR EACH ROW WHEN (NEW.migration_name = '2_once') EXECUTE FUNCTION "hold"();`,
    );
    await plugin.create("Migrations", inputs());
    write("2_once", 'INSERT INTO "done" DEFAULT VALUES -- and no semicolon');
    const { host, port, password } = server;
    const holder = new pg.Client({ host, port, user: "postgres", password, database: `d${database}` });
    await holder.connect();
    const other = await startPlugin();
    try {
      await holder.query("SELECT pg_advisory_lock(1)");
      other.create("Migrations", inputs()).catch(() => {});
      await eventually(async () => (await waiting()) === 1, { what: "a migration that is held" });
      other.kill();
      await eventually(async () => (await waiting()) === 0, { what: "the end of its session" });
    } finally {
      await holder.end();
      await other.stop();
    }
    await plugin.create("Migrations", inputs());
    expect(await sql(`d${database}`, "SELECT count(*)::int AS n FROM app.done")).toEqual([{ n: 1 }]);
  });

  it("waits for the script of a deployment that was killed to end", async () => {
    write("1_init", initScript);
    await plugin.create("Migrations", inputs());
    write("2_slow", 'SELECT pg_sleep(1.5); ALTER TABLE "note" ADD COLUMN late int');
    const other = await startPlugin();
    try {
      other.create("Migrations", inputs()).catch(() => {});
      const running = "SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(1.5)%'";
      await eventually(async () => (await sql(`d${database}`, running)).length > 0, { what: "the script" });
      other.kill();
      // Postgres notices only after two seconds that nobody is there: by then the script has ended well.
      await plugin.create("Migrations", inputs());
    } finally {
      await other.stop();
    }
    const attempts = "SELECT count(*)::int AS n FROM app._prisma_migrations WHERE migration_name = '2_slow'";
    expect(await sql(`d${database}`, attempts)).toEqual([{ n: 1 }]);
  });

  it.each([
    ["a statement that must be alone", "REINDEX SCHEMA app"],
    ["a read-only transaction", "SET TRANSACTION READ ONLY; SELECT 1"],
    ["another role", "SET LOCAL ROLE reader; SELECT 1"],
  ])("applies a script with %s", async (_, script) => {
    await sql(`d${database}`, "DROP ROLE IF EXISTS reader; CREATE ROLE reader");
    write("1_init", initScript);
    write("2_it", script);
    await plugin.create("Migrations", inputs());
    const ended = "SELECT migration_name FROM app._prisma_migrations WHERE finished_at IS NOT NULL";
    expect(await sql(`d${database}`, ended)).toHaveLength(2);
  });

  it("applies nothing of a script whose end the table does not take", async () => {
    write("1_init", initScript);
    await plugin.create("Migrations", inputs());
    write(
      "2_it",
      `INSERT INTO "note" VALUES (2, 'twice?');
       CREATE FUNCTION "keep"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER "keep" BEFORE UPDATE ON "_prisma_migrations" FOR EACH ROW EXECUTE FUNCTION "keep"();`,
    );
    const refused = plugin.create("Migrations", inputs());
    await expect(refused).rejects.toThrow(
      "its end cannot be recorded in _prisma_migrations; nothing of it was kept",
    );
    expect(await sql(`d${database}`, "SELECT id FROM app.note")).toEqual([{ id: 1 }]);
  });

  it("runs a failed migration again whose failure was noted and no more, and asks about others", async () => {
    write("1_bad", "CREATE TABLE half (id int);\nSELECT * FROM nowhere;\n");
    await expect(plugin.create("Migrations", inputs())).rejects.toThrow("nothing of it was kept");
    const unfinished = (logs: string) =>
      sql(`d${database}`, `UPDATE app._prisma_migrations SET rolled_back_at = NULL, logs = ${logs}`);
    await unfinished("logs");
    await expect(plugin.create("Migrations", inputs())).rejects.toThrow(/1_bad failed .*nowhere.*kept/s);
    // Begun by Prisma's own command, which was killed: it may have been applied.
    await sql(
      `d${database}`,
      "DELETE FROM app._prisma_migrations WHERE started_at < (SELECT max(started_at) FROM app._prisma_migrations)",
    );
    await unfinished("NULL");
    await expect(plugin.create("Migrations", inputs())).rejects.toThrow(
      "started earlier and not finished: 1_bad",
    );
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

  it.each(["COMMIT", "END", "END WORK", "end transaction"])(
    "does not say that nothing was kept of a script that ends its transaction with %s",
    async (end) => {
      write("1_parts", `CREATE TABLE app.kept (id int); ${end}; SELECT 1/0;`);
      await expect(plugin.create("Migrations", inputs())).rejects.toThrow("it controls transactions itself");
      expect(await sql(`d${database}`, "SELECT id FROM app.kept")).toEqual([]);
    },
  );

  it("counts the lines to a failure in characters, as Postgres does", async () => {
    write("1_bad", `-- ${"\u{1F418}".repeat(20)}\nSELECT * FROM nowhere;\n\n\n\nSELECT 1;\n`);
    await expect(plugin.create("Migrations", inputs())).rejects.toThrow(/1_bad\/migration.sql line 2\)/);
  });

  it("refuses a script that leaves its transaction open: what it did would go with its session", async () => {
    write("1_init", 'CREATE TABLE "one" (id int)');
    write("2_open", 'BEGIN;\nCREATE TABLE "two" (id int);\n');
    write("3_next", 'CREATE TABLE "three" (id int)');
    const refused = plugin.create("Migrations", inputs());
    await expect(refused).rejects.toThrow(/migration 2_open failed .* leaves its transaction open.*COMMIT/);
    const tables =
      "SELECT tablename FROM pg_tables WHERE schemaname = 'app' AND tablename <> '_prisma_migrations'";
    expect(await sql(`d${database}`, tables)).toEqual([{ tablename: "one" }]);
  });

  it("takes back a search_path that a script has set for its session, as pg_dump's do", async () => {
    write(
      "1_baseline",
      "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE app.base (id int)",
    );
    write("2_more", "CREATE TABLE more (id int)");
    const { state } = await plugin.create("Migrations", inputs());
    expect(state.migrations).toEqual(migrationsIn(directory));
    expect(await sql(`d${database}`, "SELECT to_regclass('app.more') IS NOT NULL AS there")).toEqual([
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
      /^2 UNKNOWN: changed after it was applied: 1_init/,
    );
  });

  it("leaves in the state what was applied before a migration failed", async () => {
    write("1_init", initScript);
    write("2_bad", "SELECT * FROM nowhere");
    const error = await plugin.create("Migrations", inputs()).catch((failure: unknown) => failure);
    const applied = { "1_init": migrationsIn(directory)["1_init"] };
    expect(keptAfter(error)).toEqual({
      state: expect.objectContaining({ migrations: applied }),
      inputs: expect.objectContaining({ migrations: applied }),
      reasons: [expect.stringMatching(/^migration 2_bad failed/)],
    });
  });

  it("refuses a script that is not UTF-8, with its line, and applies nothing", async () => {
    write("1_init", initScript);
    write("2_latin", Buffer.from("SELECT 1;\nCOMMENT ON TABLE note IS 'caf\xe9';\n", "latin1"));
    await expect(plugin.create("Migrations", inputs())).rejects.toThrow(
      `${directory}/2_latin/migration.sql line 2: not UTF-8`,
    );
    expect(await sql(`d${database}`, "SELECT to_regclass('app.note') AS note")).toEqual([{ note: null }]);
  });

  it.each([
    [initScript, initScript.replaceAll("\n", "\r\n")],
    [initScript.replaceAll("\n", "\r\n"), initScript],
  ])("says so when only the line ends of an applied script changed", async (applied, checkedOut) => {
    write("1_init", applied);
    const { id, state } = await plugin.create("Migrations", inputs());
    write("1_init", checkedOut);
    const refused = plugin.update("Migrations", id, state, state, inputs());
    await expect(refused).rejects.toThrow(/changed after it was applied: 1_init \(only its line ends/);
    write("1_init", `${checkedOut}-- edited`);
    const edited = plugin.update("Migrations", id, state, state, inputs());
    await expect(edited).rejects.toThrow("changed after it was applied: 1_init; restore");
  });

  it("is gone with its database", async () => {
    write("1_init", initScript);
    const { id, state } = await plugin.create("Migrations", inputs());
    await sql("postgres", `DROP DATABASE d${database}`);
    expect((await plugin.read("Migrations", id, state, inputs())).id).toBe("");
  });

  it("is gone with its database and its owner's role when somebody else looks", async () => {
    write("1_init", initScript);
    const { id, state } = await plugin.create("Migrations", inputs());
    const { connection: readConnection, ...others } = inputs();
    const { host, port } = server;
    const owner = { host, port, user: "gone", database: `d${database}`, password: secret("gone") };
    const ofTheRoleThatIsGone = { ...others, connection: owner, readConnection: readConnection ?? null };
    const read = await plugin.read("Migrations", id, state, ofTheRoleThatIsGone);
    expect(read.inputs).toEqual(ofTheRoleThatIsGone);
    expect(read.inputs.migrations).toEqual(migrationsIn(directory));
    await sql("postgres", `DROP DATABASE d${database}`);
    expect((await plugin.read("Migrations", id, state, ofTheRoleThatIsGone)).id).toBe("");
  });

  it.each([
    ["without its role", undefined, /password authentication failed/],
    ["while its role may not log in", "CREATE ROLE gone NOLOGIN PASSWORD 'gone'", /not permitted to log in/],
  ])("keeps what it knows, and says so, %s", async (_, statement, reason) => {
    write("1_init", initScript);
    const { id, state } = await plugin.create("Migrations", inputs());
    if (statement !== undefined) await sql("postgres", statement);
    const { host, port } = server;
    const connection = { host, port, user: "gone", database: `d${database}`, password: secret("gone") };
    const read = await plugin.read("Migrations", id, state, { ...inputs(), connection });
    expect(read.inputs.migrations).toEqual(inputs().migrations);
    expect(plugin.messages.at(-1)).toMatch(/^migrations were not compared: gone@/);
    expect(plugin.messages.at(-1)).toMatch(reason);
  });

  it("leaves data alone when it is deleted", async () => {
    write("1_init", initScript);
    const { id, state } = await plugin.create("Migrations", inputs());
    await plugin.delete("Migrations", id, state, inputs());
    expect(await sql(`d${database}`, "SELECT count(*)::int AS n FROM app.note")).toEqual([{ n: 1 }]);
  });
});
