import { expect, it } from "vitest";
import { endsTransactions } from "../../provider/migrations/transaction-words.ts";

it.each([
  "BEGIN; SELECT 1; COMMIT",
  "rollback",
  "START  TRANSACTION; SELECT 1",
  "CREATE INDEX CONCURRENTLY a ON b (c)",
  "VACUUM b",
  "CALL archive()",
  "END",
  "SELECT 1; END;",
  "SELECT 1;\n-- done\n/* really; */ end transaction;",
  "-- first\nEND WORK",
  "SELECT CASE WHEN a THEN 1 END; END",
  "DO $$ BEGIN COMMIT; END $$",
  "DO $$ BEGIN CALL archive(); END $$",
  "CREATE FUNCTION a() RETURNS int AS $f$ BEGIN RETURN 1; END $f$ LANGUAGE plpgsql; END;",
])("may keep a part: %j", (script) => {
  expect(endsTransactions(script)).toBe(true);
});

it.each([
  "CREATE TABLE a (id int)",
  "SELECT CASE WHEN a THEN 1 END",
  "SELECT CASE WHEN a THEN 1 END;",
  "CREATE VIEW v AS SELECT CASE WHEN a THEN 1 ELSE 2 END AS work FROM b",
  "SELECT CASE a WHEN 1 THEN 2 END work FROM b",
  "ALTER TABLE a ADD COLUMN ended_at timestamptz; -- end of the session",
  "ALTER TABLE calls ADD COLUMN beginning int",
  "CREATE FUNCTION a() RETURNS int AS $$ BEGIN PERFORM b(); RETURN 1; END $$ LANGUAGE plpgsql",
  "DO $do$ BEGIN PERFORM $$BEGIN$$; END $do$; SELECT 1",
])("is kept whole or not at all: %j", (script) => {
  expect(endsTransactions(script)).toBe(false);
});

it("is not slow at a long header of comments", () => {
  const header = "/* header ** line */\n".repeat(2000);
  expect(endsTransactions(`${header}CREATE TABLE a (id int)`)).toBe(false);
  expect(endsTransactions(`${header}END`)).toBe(true);
});
