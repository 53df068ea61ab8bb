import { expect, it } from "vitest";
import { SqlError } from "../../provider/sql/connect.ts";

const withCode = (code: string) => new SqlError("x", Object.assign(new Error("x"), { code }));

it.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "57P03"])("takes %s for a server out of reach", (code) => {
  expect(withCode(code).isUnreachable).toBe(true);
});

it.each(["28P01", "3D000", "42501"])("takes %s for an answer of the server", (code) => {
  expect(withCode(code).isUnreachable).toBe(false);
});
