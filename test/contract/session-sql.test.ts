import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { sessionSqlIn } from "../support/session-sql.ts";

const root = path.resolve(import.meta.dirname, "../..");
/** Programs of the application and SQL of the database; what is generated or built is not ours to judge. */
const files = ["app", "prisma"].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .map((file) => `${folder}/${file}`)
    .filter((file) => /\.(ts|mjs|sql)$/.test(file) && !/^app\/(generated|dist)\//.test(file)),
);

describe("transaction pooling", () => {
  it("sees the application and the migrations", () => {
    expect(files).toContain("app/database/prisma.ts");
    expect(files.filter((file) => file.endsWith(".sql")).length).toBeGreaterThan(1);
  });

  it.each(files)("%s needs no session of the server", (file) => {
    expect(sessionSqlIn(readFileSync(path.join(root, file), "utf8"))).toEqual([]);
  });

  it.each([
    "await prisma.$queryRaw`SELECT pg_advisory_lock(1)`",
    "SELECT pg_try_advisory_lock_shared(1, 2)",
    "SELECT pg_advisory_unlock_all()",
    'client.query("LISTEN jobs")',
    "UNLISTEN *",
    "-- a comment\nSET search_path TO app",
    "SELECT 1;\nSET search_path TO app",
    "client.query('SET statement_timeout = 1000')",
    "BEGIN; SET SESSION lock_timeout = 5",
    "SELECT set_config('app.user', lower('A'), false)",
    "CREATE TEMPORARY TABLE t (a int)",
    "create temp table t as select 1",
    "SELECT * INTO TEMP t FROM x",
    "PREPARE find (int) AS SELECT $1",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "DISCARD ALL",
    "SET ROLE reporter",
    'client.query("SET ROLE NONE")',
    "SET TIME ZONE 'UTC'",
    "SET SESSION TIME ZONE LOCAL",
    "SET SESSION AUTHORIZATION poolkit_owner",
    "BEGIN; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET NAMES 'UTF8'",
    "SET XML OPTION DOCUMENT",
    "RESET search_path",
    "client.query('RESET ALL')",
    "SELECT lastval()",
    "SELECT currval('a_seq')",
    "SELECT set_config('app.user', $1, $2)",
    "SELECT set_config($1, $2, isLocal)",
  ])("would refuse: %s", (sql) => {
    expect(sessionSqlIn(sql)).toHaveLength(1);
  });

  it.each([
    "SELECT pg_advisory_xact_lock(1)",
    "BEGIN READ ONLY; SET LOCAL statement_timeout = 1000",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "UPDATE sessions\n   SET status = 'DONE'",
    'UPDATE "t" SET "a" = 1',
    "ON DELETE SET NULL ON UPDATE CASCADE",
    "SELECT set_config('app.user', 'a', true)",
    "SELECT set_config('app.user', lower($1), TRUE)",
    "SET LOCAL ROLE reporter",
    "SET LOCAL TIME ZONE 'UTC'",
    "ALTER ROLE app RESET search_path",
    "UPDATE t SET role = 'x', time = now()",
    "INSERT INTO t (a) VALUES (1)\n  ON CONFLICT (a) DO UPDATE\n  SET role = 'x'",
    "ECONNRESET: 1",
    "PREPARE TRANSACTION 'x'",
    "DECLARE c CURSOR FOR SELECT 1",
    "server.listen({ host, port })",
  ])("lets pass: %s", (sql) => {
    expect(sessionSqlIn(sql)).toEqual([]);
  });
});
