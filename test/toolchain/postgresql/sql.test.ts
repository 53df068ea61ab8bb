import { describe, expect, it } from "vitest";
import { automaticName } from "../../../toolchain/plugins/postgresql/autoname.ts";
import {
  grantStatement,
  revokeStatement,
} from "../../../toolchain/plugins/postgresql/resources/grant-sql.ts";
import { identifier, literal } from "../../../toolchain/plugins/postgresql/server/sql.ts";
import { parseVersion, supports } from "../../../toolchain/plugins/postgresql/server/version.ts";

describe("what reaches the server", () => {
  it.each([
    [identifier('a"; DROP ROLE b; --'), '"a""; DROP ROLE b; --"'],
    [literal("it's"), "'it''s'"],
    [literal("back\\slash"), "'back\\\\slash'"],
  ])("%s", (sql, expected) => expect(sql).toBe(expected));

  const grant = {
    role: "r",
    database: "d",
    schema: "s",
    objects: null,
    columns: null,
    withGrantOption: false,
  };
  it.each([
    [{ objectType: "database", privileges: ["CONNECT"] }, 'GRANT CONNECT ON DATABASE "d" TO "r"'],
    [{ objectType: "table", privileges: ["SELECT"] }, 'GRANT SELECT ON ALL TABLES IN SCHEMA "s" TO "r"'],
    [
      { objectType: "function", privileges: ["EXECUTE"], objects: ["add(integer, integer)"] },
      'GRANT EXECUTE ON FUNCTION "s"."add"(integer, integer) TO "r"',
    ],
    [
      { objectType: "column", privileges: ["SELECT"], objects: ["t"], columns: ["a", "b"] },
      'GRANT SELECT ("a","b") ON TABLE "s"."t" TO "r"',
    ],
    [
      { objectType: "schema", privileges: ["USAGE"], role: "public", withGrantOption: true },
      'GRANT USAGE ON SCHEMA "s" TO "public" WITH GRANT OPTION',
    ],
  ])("grant %j", (state, expected) => expect(grantStatement({ ...grant, ...state })).toBe(expected));

  it.each([
    [
      { objectType: "table", privileges: ["SELECT"] },
      'REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA "s" FROM "r"',
    ],
    [
      { objectType: "table", privileges: ["SELECT"], objects: ["t"] },
      'REVOKE SELECT ON TABLE "s"."t" FROM "r"',
    ],
  ])("revoke %j", (state, expected) => expect(revokeStatement({ ...grant, ...state })).toBe(expected));
});

describe("versions", () => {
  it.each([
    ["18.6 (Debian 18.6-3)", true],
    ["18", true],
    ["17.2", true],
    ["16.9", false],
  ])("%s has MAINTAIN: %s", (text, expected) => {
    const version = parseVersion(text);
    expect(version && supports(version, "maintainPrivilege")).toBe(expected);
  });

  it("a text without a number is no version", () => expect(parseVersion("eighteen")).toBeUndefined());
});

it("a generated name depends on the seed alone", () => {
  const seed = Buffer.from("0123456789abcdef".repeat(4), "hex");
  expect(automaticName("some-role", seed)).toBe("some-role-4778002");
  expect(automaticName("some-role", Buffer.from("another seed"))).not.toBe("some-role-4778002");
  expect(automaticName("some-role", new Uint8Array())).toMatch(/^some-role-[0-9a-f]{7}$/);
});
