import { describe, expect, it } from "vitest";
import { isRead } from "../../../app/database/read-only-sql.ts";
import { SESSION_VIEW_SQL } from "../../../app/routes/session-view.ts";

describe("isRead", () => {
  it.each([
    'SELECT "app"."companies"."id", "app"."companies"."name" FROM "app"."companies" WHERE ("app"."companies"."name" = $1 AND 1=1) LIMIT $2 OFFSET $3',
    'SELECT COUNT(*) AS "_count$_all" FROM (SELECT "app"."users"."id" FROM "app"."users" WHERE 1=1 OFFSET $1) AS "sub"',
    'SELECT "t"."id" FROM "app"."t" WHERE "t"."update" IN ($1,$2)',
    "SELECT max(started_at), coalesce(min(id), 0) FROM chat_sessions WHERE note = 'please delete; it''s old'",
    "select 1;",
    "SELECT count ( * ) FROM t WHERE (a = 1) AND (b . c > 0.5)",
    `SELECT "it's", 'a "quoted" word' FROM t WHERE b = ''`,
    SESSION_VIEW_SQL,
  ])("%s", (sql) => {
    expect(isRead(sql)).toBe(true);
  });

  it.each([
    'INSERT INTO "app"."companies" ("name") VALUES ($1) RETURNING "app"."companies"."id"',
    "UPDATE t SET a = 1",
    "SELECT id FROM jobs FOR UPDATE SKIP LOCKED",
    "SELECT id FROM jobs FOR NO KEY UPDATE",
    "SELECT id FROM jobs FOR SHARE",
    "SELECT nextval('ids')",
    "SELECT pg_advisory_xact_lock(1)",
    'SELECT "app"."bill_everybody"()',
    "SELECT bill_everybody ($1)",
    "SELECT * INTO copy FROM t",
    "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
    "SELECT 1; DELETE FROM t",
    "SELECT 1 -- it's\n; DELETE FROM t WHERE a = 'b'",
    "SELECT 'a\\'; DELETE FROM t; --'",
    "SELECT $$text$$",
    "SELECT $T$'$T$, nextval('s'), $T$'$T$",
    "SELECT é(1)",
    "SELECT 🙂count(1)",
    "SELECT e\u0301count(1)",
    "SELECT count\u00a0(1)",
    "SELECT app . count(1)",
    `SELECT "it's", nextval('ids'), "it's"`,
    "EXPLAIN ANALYZE DELETE FROM t",
    "VACUUM",
    "",
  ])("not: %s", (sql) => {
    expect(isRead(sql)).toBe(false);
  });
});
