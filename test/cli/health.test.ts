import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { healthSummary } from "../../cli/health-body.ts";
import { exitCode, probeHealth, whyUnreached } from "../../cli/health-probe.ts";

let close: () => void = () => undefined;
afterEach(() => close());

/** A health endpoint that answers this, whatever it is asked. */
function endpoint(status: number, body: string, port = 0): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer((_request, response) => response.writeHead(status).end(body));
    close = () => server.close();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`);
    });
  });
}

describe("exit code of poolkit health", () => {
  it.each([
    [200, '{"status":"pass"}', 0],
    [200, '{"status":"warn","cause":"slow_queries"}', 1],
    [503, '{"status":"fail","cause":"postgres_unreachable"}', 2],
    [200, '{"status":"excellent"}', 2],
    [502, "<html>", 2],
    [401, "{}", 2],
  ])("for an answer %i %s is %i", async (status, body, expected) => {
    expect(
      exitCode(await probeHealth({ healthUrl: await endpoint(status, body), healthToken: "token" })),
    ).toBe(expected);
  });

  it.each([
    [200, '{"status":"ok"}', 0],
    [204, "", 0],
    [200, '{"status":"warn"}', 1],
    [200, '{"status":"fail"}', 2],
    [503, '{"status":"unavailable"}', 2],
    [404, "<html>", 2],
    [401, "", 2],
  ])("of an own application that answers %i %s is %i", async (status, body, expected) => {
    const healthUrl = await endpoint(status, body);
    const probe = await probeHealth({ healthUrl, healthToken: "token", healthFormat: "status" });
    expect(exitCode(probe)).toBe(expected);
  });

  it("is that of the answer at a port that browsers refuse, too", async () => {
    const [first, ...others] = [10_080, 6_000, 6_566, 6_697];
    let healthUrl = endpoint(200, '{"status":"pass"}', first);
    // One of them may be taken on this machine.
    for (const port of others) healthUrl = healthUrl.catch(() => endpoint(200, '{"status":"pass"}', port));
    expect(await probeHealth({ healthUrl: await healthUrl, healthToken: "token" })).toMatchObject({
      reached: true,
    });
  });

  it("is 2 when the answer does not come to its end in time, with the reason", async () => {
    const server = createServer((_request, response) => response.writeHead(200).write('{"status":'));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    close = () => server.closeAllConnections();
    const address = server.address();
    const healthUrl = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    const probe = await probeHealth({ healthUrl, healthToken: "token" }, 100);
    server.close();
    expect(probe).toMatchObject({ reached: false, reason: `${healthUrl} does not answer: not within 0.1 s` });
  });

  it("is 2 when nothing answers, with the reason", async () => {
    const probe = await probeHealth({ healthUrl: "http://127.0.0.1:1/", healthToken: "token" });
    expect(probe).toMatchObject({ reached: false, reason: expect.stringContaining("does not answer") });
    expect(exitCode(probe)).toBe(2);
  });
});

it("a refused token is told with the command that mends it in this stack", async () => {
  const probe = await probeHealth({ healthUrl: await endpoint(401, "{}"), healthToken: "token" });
  if (probe.reached) throw new Error("it answered");
  expect(probe.isRefused).toBe(true);
  expect(whyUnreached(probe, "shop")).toMatch(/\(401\).*; run: pulumi up --refresh -s shop$/);
});

describe("healthSummary", () => {
  it("leaves out what is not known instead of inventing it", () => {
    expect(healthSummary({ status: "fail", cause: "pgbouncer_unreachable", output: "start it" })).toBe(
      "health       fail (pgbouncer_unreachable): start it",
    );
  });

  it("shows every layer", () => {
    const summary = healthSummary({
      status: "pass",
      connection: { status: "connected", latencyMs: 0 },
      pool: {
        application: { mode: "enhanced", limit: 20, totalCount: 3, idleCount: 2, waitingCount: 0 },
        pgbouncer: {
          pools: [
            {
              database: "poolkit",
              user: "app",
              cl_active: 1,
              cl_waiting: 2,
              sv_active: 3,
              sv_idle: 3,
              sv_used: 1,
              poolSize: 15,
            },
          ],
        },
        postgres: { version: "18.6", maxConnections: 100, usedConnections: 7 },
      },
    });
    expect(summary.split("\n")).toEqual([
      "health       pass",
      "connection   connected, 0 ms through PgBouncer",
      "application  enhanced pool, limit 20, 3 open, 2 idle, 0 waiting",
      "pgbouncer    poolkit/app: clients 1 active, 2 waiting; servers 3 active, 4 idle of 15",
      "postgres     7 of 100 connections, version 18.6",
    ]);
  });

  it("shows why the application refused its configuration", () => {
    const lastError = "DATABASE_CONNECTION_LIMIT:\n found 0";
    const summary = healthSummary({
      status: "warn",
      cause: "configuration_refused",
      configuration: { lastError },
    });
    expect(summary).toContain("refused      DATABASE_CONNECTION_LIMIT: found 0");
  });

  it("shows who holds what, the longest first, and what to do", () => {
    const session = { pid: 7, user: "app", applicationName: "search", state: "active", seconds: 4 };
    const none = { count: 0, oldest: [] };
    const summary = healthSummary({
      status: "warn",
      cause: "lock_wait",
      output: "1 session waits.",
      advice: "End it.",
      holders: {
        lockWaits: {
          count: 1,
          oldest: [
            {
              ...session,
              waitedSeconds: 3,
              blockedBy: [
                { ...session, pid: 9, applicationName: "", state: "idle in transaction", seconds: 8 },
              ],
            },
          ],
        },
        idleInTransaction: none,
        slowQueries: { count: 5, oldest: [session, session, session, session] },
        leaks: { count: 2, oldestSeconds: 31, oldestCaller: "GET /report" },
      },
    });
    expect(summary.split("\n")).toEqual([
      "health       warn (lock_wait): 1 session waits.",
      "to do        End it.",
      "lock wait    pid 7 search (app) for 3 s, blocked by pid 9 - (app), idle in transaction for 8 s",
      "leak         2 pool connection(s), the oldest for 31 s by GET /report",
      "slow         pid 7 search (app) for 4 s",
      "slow         pid 7 search (app) for 4 s",
      "slow         pid 7 search (app) for 4 s",
      "slow         and 2 more",
    ]);
  });
});
