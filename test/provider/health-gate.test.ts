import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { askHealth } from "../../provider/resources/health.ts";
import { freePort } from "../support/free-port.ts";
import { type Properties, secret, startPlugin, type TestPlugin } from "./support/plugin.ts";

const type = "HealthGate";
const token = "canary-token-90aa";
let plugin: TestPlugin;
let server: Server;
let answers: { status: number; body: string }[] = [];
let authorizations: (string | undefined)[] = [];

beforeAll(async () => {
  plugin = await startPlugin();
  server = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 404, body: "" };
    response.writeHead(status, { "content-type": "application/health+json" }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server?.close();
  await plugin?.stop();
});
afterEach(() => {
  answers = [];
  authorizations = [];
  plugin.messages.length = 0;
});

function health(status: string, more: object = {}): { status: number; body: string } {
  const body = { status, cause: null, configuration: { revision: "abc123", lastError: null }, ...more };
  return { status: status === "fail" ? 503 : 200, body: JSON.stringify(body) };
}

function inputs(more: Properties = {}): Properties {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/api/admin/database-health`,
    token: secret(token),
    triggers: { app: "1" },
    timeoutSeconds: 1,
    ...more,
  };
}

const failing = health("fail", {
  cause: "postgres-unreachable",
  output: "Postgres refuses connections: start it",
});

describe("HealthGate", () => {
  it("waits until the application is healthy, and tells each cause once", async () => {
    answers = [failing, failing, health("pass")];
    const { state } = await plugin.create(type, inputs({ timeoutSeconds: 10 }));
    expect(state).toMatchObject({ status: "pass" });
    expect(plugin.messages).toEqual([
      "waiting for health: fail: postgres-unreachable (Postgres refuses connections: start it)",
    ]);
    expect(new Set(authorizations)).toEqual(new Set([`Bearer ${token}`]));
  });

  it("lets a warning pass and shows it", async () => {
    answers = [health("warn", { cause: "pool-busy", output: "9 of 10 connections are in use" })];
    expect((await plugin.create(type, inputs())).state).toMatchObject({ status: "warn" });
    expect(plugin.messages.join()).toContain("healthy with a warning: warn: pool-busy");
  });

  it.each([
    ["the named cause", [failing], "fail: postgres-unreachable (Postgres refuses connections: start it)"],
    ["a refused token", [{ status: 401, body: JSON.stringify({ status: "pass" }) }], "refuses the token"],
    ["something else on the port", [{ status: 200, body: "<html>" }], "HTTP 200 without a health body"],
    ["another configuration", [health("pass")], "runs configuration abc123 instead of def456"],
    [
      "a refused configuration",
      [health("pass", { configuration: { revision: "abc123", lastError: "limit: found 0" } })],
      "which refused the new one: limit: found 0",
    ],
  ])("fails with %s when the time is over", async (_, given, message) => {
    answers = given;
    const refused = plugin.create(type, inputs({ expectedRevision: "def456" }));
    await expect(refused).rejects.toThrow("not healthy within 1 s");
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.not.toThrow(token);
  });

  it("takes the HTTP status of an application that has no health body, unless a revision is expected", async () => {
    answers = [
      { status: 503, body: "starting" },
      { status: 404, body: "" },
      { status: 200, body: "<html>" },
    ];
    const { state } = await plugin.create(type, inputs({ timeoutSeconds: 10 }));
    expect(state).toMatchObject({ status: "pass" });
    expect(plugin.messages).toEqual([
      "waiting for health: fail: HTTP 503 without a health body",
      "waiting for health: unreachable: HTTP 404 without a health body",
    ]);
  });

  it("fails with the connection's error when nothing listens", async () => {
    const refused = plugin.create(type, inputs({ url: `http://127.0.0.1:${await freePort()}/health` }));
    await expect(refused).rejects.toThrow(/unreachable: .*ECONNREFUSED/);
  });

  it("says of an answer that does not come to its end what it says of none", async () => {
    const slow = createServer((_request, response) => response.writeHead(200).write('{"status":'));
    slow.listen(0, "127.0.0.1");
    await once(slow, "listening");
    const address = slow.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    const { status, cause } = await askHealth(url, token, AbortSignal.timeout(100));
    slow.closeAllConnections();
    slow.close();
    expect({ status, cause }).toEqual({ status: "unreachable", cause: "no answer within 5 s" });
  });

  it("polls again when a trigger or the address changes, not for another token or patience", async () => {
    const state = inputs({ status: "pass" });
    expect(await plugin.diff(type, state, inputs(), inputs({ triggers: { app: "2" } }))).toEqual({
      "triggers.app": "UPDATE",
    });
    expect(
      await plugin.diff(type, state, inputs(), inputs({ token: secret("other"), timeoutSeconds: 9 })),
    ).toEqual({});
  });

  it("fails in a preview for nothing: no request is made", async () => {
    expect((await plugin.create(type, inputs(), true)).state).not.toHaveProperty("status");
    expect(authorizations).toEqual([]);
  });

  it("stops waiting at Ctrl-C", async () => {
    const other = await startPlugin();
    try {
      answers = [failing];
      const waiting = other.create(type, inputs({ timeoutSeconds: 600 }));
      const outcome = expect(waiting).rejects.toThrow("cancelled before it was done");
      await vi.waitFor(() => expect(authorizations).not.toEqual([]));
      await other.cancel();
      await outcome;
    } finally {
      await other.stop();
    }
  });
});
