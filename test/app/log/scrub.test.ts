import { describe, expect, it } from "vitest";
import { scrubbed } from "../../../app/log/scrub.ts";

const CANARY = "canary-9f3a.7b_x~2";
const line = (fields: object) => JSON.stringify({ level: 30, msg: "x", ...fields });

describe("scrubbed", () => {
  it.each<[string, object]>([
    ["URL with a password", { msg: `cannot reach postgres://app:${CANARY}@h:6432/d` }],
    [
      "password with @ and / that nobody encoded",
      { msg: `postgres://app:${CANARY}/@x/${CANARY}@h/d failed` },
    ],
    ["URL in a stack", { err: { stack: `Error: x\n    at postgres://a:${CANARY}@h/d\n    at Foo` } }],
    ["two URLs", { msg: `amqp://a:${CANARY}@h,redis://:${CANARY}@h` }],
    ["Authorization", { req: { headers: { authorization: `Bearer ${CANARY}` } } }],
    ["Authorization, capital letters", { headers: { Authorization: `Basic ${CANARY}` } }],
    ["cookie", { headers: { cookie: `session=${CANARY}; a=b` } }],
    ["set-cookie", { headers: { "set-cookie": [`session=${CANARY}`, `"other=${CANARY}`] } }],
    ["password deep inside", { a: { b: [{ c: { password: CANARY } }] } }],
    ["token by another name", { healthToken: CANARY, api_token: CANARY, "x-token": CANARY }],
    ["connection string", { connectionString: `host=h password=${CANARY}` }],
    ["secret with a quote in it", { clientSecret: `a"${CANARY}` }],
    ["header in a message", { msg: `refused: Bearer ${CANARY}` }],
    ["parameter of an address", { msg: `GET /x?a=1&access_token=${CANARY}&b=2` }],
    ["JSON in a message", { msg: `refused ${JSON.stringify({ user: "a", password: CANARY })}` }],
    [
      "pretty JSON in a stack",
      { err: { stack: `Error: ${JSON.stringify({ options: { healthToken: CANARY } }, null, 2)}` } },
    ],
    [
      "JSON in a message, with quotes, backslashes and line breaks in the secret",
      { msg: JSON.stringify({ clientSecret: `a"${CANARY}\\"\n${CANARY}\\`, b: 1 }) },
    ],
    ["bytes of a request", { err: { rawPacket: Buffer.from(`Authorization: Bearer ${CANARY}`) } }],
    ["a list in JSON in a message", { msg: JSON.stringify({ "set-cookie": [`a="${CANARY}"`, CANARY] }) }],
  ])("takes out: %s", (_what, fields) => {
    const text = scrubbed(line(fields));
    expect(text).not.toContain("canary");
    expect(text).not.toContain(String([...Buffer.from("canary")]));
    expect(text).toContain("[redacted]");
    expect(JSON.parse(text)).toMatchObject({ level: 30 });
  });

  it.each([
    line({ msg: "Server listening at http://127.0.0.1:3000", tokens: 3 }),
    line({ err: { stack: "Error\n    at f (file:///a/node_modules/@prisma/client/x.js:1:2)" } }),
    line({ reqId: "req-1", req: { method: "GET", path: "/api/sessions" }, responseTime: 3.2 }),
    line({ msg: "mail to a@b.example: the token was wrong" }),
  ])("leaves alone: %s", (text) => {
    expect(scrubbed(text)).toBe(text);
  });

  it("keeps what is around a secret in JSON in a message", () => {
    const message = (password: string) => JSON.stringify({ user: "a", password, port: 6432, host: "h" });
    expect(scrubbed(line({ msg: message(`${CANARY}\\`), after: "x" }))).toBe(
      line({ msg: message("[redacted]"), after: "x" }),
    );
  });

  it("keeps what is around a secret", () => {
    expect(scrubbed(line({ msg: `postgres://app:${CANARY}@h:6432/d?x=1` }))).toBe(
      line({ msg: "postgres://app:[redacted]@h:6432/d?x=1" }),
    );
  });

  it("reads a long path that is full of URLs once: anybody can have one logged", () => {
    const text = line({ req: { method: "GET", path: `/@${"://a:".repeat(200_000)}` } });
    expect(scrubbed(text)).toBe(text);
  });
});
