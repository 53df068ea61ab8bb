import { describe, expect, it } from "vitest";
import { ZodError, z } from "zod";
import { CircuitOpenError } from "../../../app/database/database-failure.ts";
import { errorAnswer } from "../../../app/requests/http-errors.ts";

const withCode = (code: string, message = "secret-detail host=db1 SELECT 1") =>
  Object.assign(new Error(message), { code });

describe("errorAnswer", () => {
  it.each<[number, string, unknown]>([
    [503, "database_unavailable", withCode("P1001")],
    [503, "database_unavailable", withCode("P2028")],
    [503, "database_unavailable", new Error("timeout exceeded when trying to connect")],
    [503, "database_unavailable", new CircuitOpenError()],
    [409, "conflict", withCode("P2002")],
    [422, "missing_reference", withCode("P2003")],
    [404, "not_found", withCode("P2025")],
    [500, "internal_error", withCode("P2010")],
    [413, "invalid_request", Object.assign(new Error("Request body is too large"), { statusCode: 413 })],
    [400, "invalid_request", Object.assign(withCode("ECONNRESET", "aborted"), { statusCode: 400 })],
    [500, "internal_error", Object.assign(new Error("x"), { statusCode: 500 })],
  ])("%i %s", (status, code, error) => {
    const found = errorAnswer(error);
    expect(found.status).toBe(status);
    expect(found.body.error.code).toBe(code);
    expect(JSON.stringify(found.body)).not.toContain("secret-detail");
  });

  it("names each field of an invalid request", () => {
    const { error } = z
      .object({ limit: z.number(), list: z.array(z.string()) })
      .safeParse({ limit: "x", list: [1] });
    expect(error).toBeInstanceOf(ZodError);
    const { status, body } = errorAnswer(error);
    expect(status).toBe(400);
    expect(body.error.fields?.map((field) => field.path)).toEqual(["limit", "list.0"]);
  });
});
