import type { FastifyInstance, FastifyServerOptions } from "fastify";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../app/config/config.ts";
import { databasePool } from "../../app/database/prisma.ts";
import { Health } from "../../app/health/health.ts";
import { buildServer } from "../../app/http.ts";
import { LogSampler } from "../../app/log/log-sampler.ts";
import { processRegistry } from "../../app/metrics/process-metrics.ts";
import { workCounts } from "../../app/processing/work-counts.ts";

const TOKENS = {
  health: "0123456789abcdef".repeat(4),
  api: "fedcba9876543210".repeat(4),
  metrics: "00112233445566778899aabbccddeeff".repeat(2),
};
/** Every route that was registered, wherever that is done. */
const routes: { readonly method: string; readonly url: string }[] = [];
vi.mock("fastify", async (importOriginal) => {
  const original = await importOriginal<typeof import("fastify")>();
  const build = (options?: FastifyServerOptions): FastifyInstance => {
    const made = original.fastify(options);
    made.addHook("onRoute", ({ method, url }) => {
      for (const each of [method].flat()) routes.push({ method: each, url });
    });
    return made;
  };
  return { ...original, default: build };
});
/** Routes for everybody, and the page's, which has a login of its own (test/app/page). */
const OPEN = [
  "GET /livez",
  "HEAD /livez",
  "GET /readyz",
  "HEAD /readyz",
  "GET /admin/database",
  "HEAD /admin/database",
  "GET /admin/database/assets/:file",
  "HEAD /admin/database/assets/:file",
  "GET /admin/database/login",
  "HEAD /admin/database/login",
  "POST /admin/database/login",
  "POST /admin/database/logout",
];
const ID = "01930000-0000-7000-8000-000000000000";
const GUARDED = [
  "/metrics",
  "/api/admin/database-health",
  "/api/sessions",
  `/api/sessions/${ID}`,
  `/api/imports/${ID}`,
  "/api/dashboard",
];
/** The tokens that do not open the address. */
function wrongTokensFor(url: string): string[] {
  if (url === "/metrics") return [TOKENS.api];
  return [TOKENS.metrics, url.startsWith("/api/admin/") ? TOKENS.api : TOKENS.health];
}

// Nothing listens on port 1: these are the answers that need no database, and those without one.
const loaded = loadConfig(
  {
    DATABASE_URL: "postgres://a:b@127.0.0.1:1/d",
    HEALTH_TOKEN: TOKENS.health,
    API_TOKEN: TOKENS.api,
    LOG_LEVEL: "silent",
  },
  () => undefined,
);
if (!loaded.ok) throw new Error(loaded.problems.join());
const { config } = loaded;
let stopping = false;
let metricsToken: string | undefined = TOKENS.metrics;
/** Grows with every body that is shaped. */
let asked = 0;
const sources = {
  config: () => config,
  configurationError: () => null,
  pool: () => databasePool.state(),
  requests: () => {
    asked += 1;
    return { underWay: 0, total: asked };
  },
};
const health = new Health(sources);
const server = buildServer({
  config,
  healthToken: () => TOKENS.health,
  metricsToken: () => metricsToken,
  apiToken: () => TOKENS.api,
  isStopping: () => stopping,
  health,
  metrics: {
    ...sources,
    operations: () => databasePool.operationTimes(),
    work: () => workCounts,
    importsRunning: () => 0,
    logLinesLeftOut: () => 0,
    registry: processRegistry(),
  },
  logSampler: new LogSampler(),
});
const authorized = { authorization: `Bearer ${TOKENS.api}` };
const watching = { authorization: `Bearer ${TOKENS.health}` };

beforeAll(() => databasePool.use({ ...config.database, retryBudgetSeconds: 0 }));
afterAll(async () => {
  await server.close();
  await databasePool.close(1000);
});

describe("guard", () => {
  it.each(GUARDED)("%s answers missing, malformed and wrong tokens alike", async (url) => {
    const answers = await Promise.all(
      [
        {},
        { authorization: "x" },
        { authorization: "Bearer wrong" },
        { authorization: `Bearer ${TOKENS.api}x` },
        ...wrongTokensFor(url).map((token) => ({ authorization: `Bearer ${token}` })),
      ].map((headers) => server.inject({ url, headers })),
    );
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([401]));
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(answers.every((answer) => answer.headers["www-authenticate"] === 'Bearer realm="poolkit"')).toBe(
      true,
    );
  });

  it.each([TOKENS.metrics, TOKENS.health])("opens metrics to %s", async (token) => {
    const answer = await server.inject({ url: "/metrics", headers: { authorization: `Bearer ${token}` } });
    expect(answer.statusCode).toBe(200);
  });

  it("opens metrics to the health token alone where no other is set", async () => {
    metricsToken = undefined;
    const statusOf = async (authorization: string) =>
      (await server.inject({ url: "/metrics", headers: { authorization } })).statusCode;
    expect(await statusOf(`Bearer ${TOKENS.health}`)).toBe(200);
    expect(await statusOf(`Bearer ${TOKENS.metrics}`)).toBe(401);
    expect(await statusOf("Bearer undefined")).toBe(401);
    metricsToken = TOKENS.metrics;
  });

  it("guards every route that is not on the open list", async () => {
    await server.ready();
    const open: string[] = [];
    for (const { method, url } of routes) {
      const answer = await server.inject({ method: method as "GET", url: url.replaceAll(/:(id|file)/g, ID) });
      if (answer.statusCode !== 401) open.push(`${method} ${url}`);
    }
    expect(routes.length).toBeGreaterThan(OPEN.length + 10);
    expect(open.sort()).toEqual(OPEN.toSorted());
  });

  it.each(GUARDED)("%s never takes a token from the query", async (url) => {
    const answers = await Promise.all(
      ["token", "access_token", "authorization", "api_key"].flatMap((name) =>
        Object.values(TOKENS).flatMap((token) => [
          server.inject(`${url}?${name}=${token}`),
          server.inject(`${url}?${name}=${encodeURIComponent(`Bearer ${token}`)}`),
        ]),
      ),
    );
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([401]));
  });
});

describe("refusals", () => {
  it.each<[string, "GET" | "POST" | "DELETE" | "PUT", string, number, string]>([
    ["unknown address", "GET", "/nowhere", 404, "not_found"],
    ["other method", "DELETE", "/api/sessions", 405, "method_not_allowed"],
    ["other method on a probe", "POST", "/livez", 405, "method_not_allowed"],
    ["other method on one session", "PUT", `/api/sessions/${ID}`, 405, "method_not_allowed"],
    ["address below one session", "GET", `/api/sessions/${ID}/more`, 404, "not_found"],
    ["asset that is not there", "GET", "/admin/database/assets/page.000000000000.css", 404, "not_found"],
    ["broken address", "GET", "/%zz", 400, "invalid_request"],
    ["limit too large", "GET", "/api/sessions?limit=101", 400, "invalid_request"],
    ["limit no number", "GET", "/api/sessions?limit=x", 400, "invalid_request"],
    ["limit zero", "GET", "/api/sessions?limit=0", 400, "invalid_request"],
    ["limit in another notation", "GET", "/api/sessions?limit=0x10", 400, "invalid_request"],
    ["limit with an exponent", "GET", "/api/sessions?limit=1e1", 400, "invalid_request"],
    ["limit with a sign", "GET", "/api/sessions?limit=%2B5", 400, "invalid_request"],
    ["limit with a space", "GET", "/api/sessions?limit=%205", 400, "invalid_request"],
    ["limit with a decimal point", "GET", "/api/sessions?limit=5.0", 400, "invalid_request"],
    ["unknown parameter", "GET", "/api/sessions?lmit=1", 400, "invalid_request"],
    ["no database", "GET", "/api/sessions", 503, "database_unavailable"],
  ])("%s", async (_name, method, url, status, code) => {
    const answer = await server.inject({ method, url, headers: authorized });
    expect(answer.statusCode).toBe(status);
    expect(answer.json().error.code).toBe(code);
    expect(answer.body).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|SELECT|at .*\.ts/);
  });

  it("ends the connection with the refusal of a broken address, whose body nobody reads", async () => {
    const answer = await server.inject({ method: "POST", url: "/%zz", payload: "x" });
    expect(answer.headers.connection).toBe("close");
  });

  it.each<[string, "GET" | "POST", string]>([
    ["one session", "GET", `/api/sessions/${ID}`],
    ["a new session", "POST", "/api/sessions"],
    ["the dashboard", "GET", "/api/dashboard"],
    ["an import", "GET", `/api/imports/${ID}`],
    ["health", "GET", "/api/admin/database-health"],
  ])("refuses an unknown parameter of %s, and names it", async (_what, method, url) => {
    const headers = url.startsWith("/api/admin/") ? watching : authorized;
    const answer = await server.inject({ method, url: `${url}?deep=1`, headers });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatchObject({
      code: "invalid_request",
      fields: [{ message: expect.stringContaining('"deep"') }],
    });
  });

  it("takes the parameters of a list for HEAD, too", async () => {
    const head = (query: string) =>
      server.inject({ method: "HEAD", url: `/api/sessions?${query}`, headers: authorized });
    expect([(await head("limit=5")).statusCode, (await head("lmit=5")).statusCode]).toEqual([503, 400]);
  });

  it("says which methods there are", async () => {
    expect((await server.inject({ method: "DELETE", url: "/api/sessions" })).headers.allow).toBe(
      "GET, HEAD, POST",
    );
  });

  it("answers QUERY as every other method that a route does not have, with and without a body", async () => {
    const ask = async (url: string, payload?: string) => {
      const { statusCode, headers } = await server.inject({ method: "QUERY", url, payload });
      return [statusCode, headers.allow];
    };
    expect(await ask("/api/sessions")).toEqual([405, "GET, HEAD, POST"]);
    expect(await ask("/api/sessions", "x")).toEqual([405, "GET, HEAD, POST"]);
    expect(await ask("/nowhere")).toEqual([404, undefined]);
  });

  it("names what is wrong with a new session", async () => {
    const payload = {
      company: "",
      externalId: "x",
      startedAt: "yesterday",
      messages: [{ role: "GOD", content: "" }],
    };
    const answer = await server.inject({
      method: "POST",
      url: "/api/sessions",
      headers: authorized,
      payload,
    });
    expect(answer.statusCode).toBe(400);
    expect(
      answer
        .json()
        .error.fields.map((field: { path: string }) => field.path)
        .sort(),
    ).toEqual(["company", "messages.0.content", "messages.0.role", "startedAt"]);
  });
});

describe("probes without a database", () => {
  it("lives", async () => {
    const answer = await server.inject("/livez");
    expect([answer.statusCode, answer.body]).toEqual([200, '{"status":"ok"}']);
  });

  it("is not ready", async () => {
    const answer = await server.inject("/readyz");
    expect([answer.statusCode, answer.body]).toEqual([503, '{"status":"unavailable"}']);
  });

  it("tells the cause to those with the token", async () => {
    const answer = await server.inject({ url: "/api/admin/database-health", headers: watching });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["content-type"]).toBe("application/health+json; charset=utf-8");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.json()).toMatchObject({
      status: "fail",
      cause: "pgbouncer_unreachable",
      connection: { status: "failed" },
    });
  });

  it("gives calls close to each other the same answer, shaped once", async () => {
    let now = performance.now() + 1000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    try {
      const ask = async () =>
        (await server.inject({ url: "/api/admin/database-health", headers: watching })).body;
      const first = await ask();
      now += 240;
      expect(await ask()).toBe(first);
      now += 20;
      expect(await ask()).not.toBe(first);
    } finally {
      clock.mockRestore();
    }
  });

  it("asks callers to leave during a stop", async () => {
    expect((await server.inject("/livez")).headers.connection).not.toBe("close");
    stopping = true;
    const answer = await server.inject("/livez");
    stopping = false;
    expect(answer.headers.connection).toBe("close");
  });
});
