import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withMigrationEngine } from "../../provider/migrations/engine.ts";
import { type AppDatabase, startAppDatabase } from "../support/app-database.ts";
import { engineAvailable } from "../support/postgres18.ts";

const PRISMA = path.resolve(import.meta.dirname, "../../prisma");
const schema = readFileSync(path.join(PRISMA, "schema.prisma"), "utf8");
const names = readdirSync(path.join(PRISMA, "migrations"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();
const migration = (name: string) =>
  readFileSync(path.join(PRISMA, "migrations", name, "migration.sql"), "utf8");

/** Everything but CHECK constraints, which Prisma's schema cannot say. */
const STRUCTURE = `
  SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                   pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND c.relname <> '_prisma_migrations'
  UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = $1::text AND tablename <> '_prisma_migrations'
  UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = $1::text::regnamespace AND conrelid::regclass::text NOT LIKE '%\\_prisma\\_migrations'
      AND contype <> 'c'
  UNION ALL SELECT concat_ws(' ', 'enum', t.typname, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder))
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = $1::text::regnamespace GROUP BY t.typname
  ORDER BY 1`;

describe.skipIf(!(await engineAvailable()))("migrations", () => {
  let database: AppDatabase;

  beforeAll(async () => {
    database = await startAppDatabase();
  });
  afterAll(() => database?.stop());

  /** The script that makes `datamodel` from nothing, by Prisma's schema engine. */
  const scriptFor = async (datamodel: string) => {
    const files = [{ path: "schema.prisma", content: datamodel }];
    const never = { signal: new AbortController().signal, cancel: async () => {} };
    const target = { connection: database.owner, schema: "app", migrations: [] };
    const { stdout } = await withMigrationEngine(target, never, ({ engine }) =>
      engine.diff({
        from: { tag: "empty" },
        to: { tag: "schemaDatamodel", files },
        script: true,
        exitCode: null,
        filters: { externalTables: [], externalEnums: [] },
      }),
    );
    // The script starts with CREATE SCHEMA "public", which is not where this database has its tables.
    return (stdout ?? "").replace(/CREATE SCHEMA .*;/, "");
  };

  /** Tables, columns, indexes, constraints and enums of a Postgres schema, as text without its name. */
  const structureOf = (name: string) =>
    database.asSuperuser(async (client) => {
      const { rows } = await client.query<{ line: string }>(STRUCTURE, [name]);
      return rows.map(({ line }) => line.replaceAll(`${name}.`, ""));
    });

  // Not the engine's own diff of a live database: it cannot read PostgreSQL 18's catalogue through the adapter.
  it("lead exactly to schema.prisma", async () => {
    const make = async (name: string, datamodel: string) => {
      const script = await scriptFor(datamodel);
      await database.asSuperuser((client) =>
        client.query(`CREATE SCHEMA ${name}; SET search_path = ${name}; ${script}`),
      );
      return await structureOf(name);
    };
    const fromMigrations = await structureOf("app");
    expect(fromMigrations.length).toBeGreaterThan(50);
    try {
      expect(fromMigrations).toEqual(await make("expected", schema));
      expect(fromMigrations).not.toEqual(await make("other", schema.replace("@@index([status])", "")));
    } finally {
      await database.asSuperuser((client) => client.query("DROP SCHEMA IF EXISTS expected, other CASCADE"));
    }
  });

  it("make everything in the schema of the search_path, owned by the owner", async () => {
    const { rows } = await database.asSuperuser((client) =>
      client.query(
        "SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
      ),
    );
    expect(rows).toEqual([{ schemaname: "app", tableowner: "poolkit_owner" }]);
  });

  it("seed rows that stay the same when each seed finds them there", async () => {
    const tables = ["companies", "users", "chat_sessions", "messages", "session_stages"];
    const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
    const seeded = (times: number) =>
      database.asSuperuser(async (client) => {
        await client.query("CREATE SCHEMA seeded; SET search_path = seeded");
        try {
          for (const name of names) {
            for (let run = 0; run < (name.includes("_seed") ? times : 1); run++) {
              await client.query(migration(name));
            }
          }
          return (await client.query(`SELECT ${counts.join(", ")}`)).rows[0];
        } finally {
          await client.query("DROP SCHEMA seeded CASCADE");
        }
      });
    expect(await seeded(2)).toEqual(await seeded(1));
    expect(await seeded(1)).toEqual({
      companies: 2,
      users: 2,
      chat_sessions: 3,
      messages: 2,
      session_stages: 6,
    });
  });

  it("take over stages that were under way: each waits again, and only the one whose turn it is", async () => {
    const rows = await database.asSuperuser(async (client) => {
      await client.query("CREATE SCHEMA former; SET search_path = former");
      try {
        const [init, seed, ...later] = names;
        for (const name of [init, seed]) await client.query(migration(name ?? ""));
        await client.query(`UPDATE session_stages SET status = 'RUNNING' WHERE status = 'PENDING'`);
        await client.query(`INSERT INTO session_stages (session_id, stage, updated_at)
          SELECT session_id, 'TRANSCRIPT', now() FROM session_stages WHERE status = 'RUNNING'`);
        for (const name of later) await client.query(migration(name));
        const { rows } = await client.query(
          "SELECT stage, status, available_at <= now() AS due FROM session_stages WHERE available_at IS NOT NULL",
        );
        return rows;
      } finally {
        await client.query("DROP SCHEMA former CASCADE");
      }
    });
    expect(rows).toEqual([{ stage: "IMPORT", status: "PENDING", due: true }]);
  });
});
