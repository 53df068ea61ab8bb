import fastify from "fastify";
import { describe, expect, it } from "vitest";
import { ZodError, z } from "zod";
import { CircuitOpenError } from "../../../app/database/database-failure.ts";
import { errorAnswer, Refusal, sendError } from "../../../app/requests/http-errors.ts";

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
    [499, "invalid_request", Object.assign(new Error("x"), { statusCode: 499 })],
    [500, "internal_error", Object.assign(new Error("x"), { statusCode: 500 })],
    [500, "internal_error", Object.assign(new Error("x"), { statusCode: 399 })],
    [500, "internal_error", { statusCode: 400, message: "secret-detail" }],
    [500, "internal_error", undefined],
    [429, "too_many", new Refusal(429, "too_many", "Later.")],
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

describe("sendError", () => {
  /** What a request is answered whose route throws `error`, and the lines that it leaves in the log. */
  async function failing(error: unknown) {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line) };
    const server = fastify({ logger: { level: "error", stream } });
    server.setErrorHandler(sendError);
    server.get("/", async () => {
      throw error;
    });
    const { statusCode, headers } = await server.inject("/");
    return { statusCode, retryAfter: headers["retry-after"], lines };
  }

  it("tells when to come again where the database is away, and logs the reason with its request", async () => {
    const { lines, ...answer } = await failing(withCode("P1001", "no way to db1"));
    expect(answer).toEqual({ statusCode: 503, retryAfter: "1" });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines.join())).toMatchObject({
      ...{ msg: "request failed", req: { url: "/" }, err: { message: "no way to db1" } },
    });
  });

  it("logs a failure of its own, after which nobody need come again", async () => {
    const { lines, ...answer } = await failing(Object.assign(new Error("x"), { statusCode: 500 }));
    expect(answer).toEqual({ statusCode: 500, retryAfter: undefined });
    expect(lines).toHaveLength(1);
  });

  it("logs nothing of what the caller did wrong", async () => {
    const answer = await failing(new Refusal(499, "wrong", "Not so."));
    expect(answer).toEqual({ statusCode: 499, retryAfter: undefined, lines: [] });
  });
});
