import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../../app/config/config.ts";
import { currentWork, withCaller } from "../../../app/database/work-context.ts";
import { healthLog } from "../../../app/log/health-log.ts";
import { LogSampler } from "../../../app/log/log-sampler.ts";
import { loggerOptions } from "../../../app/log/logger.ts";
import { logPoolSize } from "../../../app/log/pool-size-log.ts";
import { QUIET } from "../../../app/log/quiet-log.ts";
import { RequestLog } from "../../../app/log/request-log.ts";
import { workLog } from "../../../app/log/work-log.ts";

const loaded = loadConfig(
  {
    DATABASE_URL: "postgres://a:b@127.0.0.1:1/d",
    HEALTH_TOKEN: "x".repeat(43),
    API_TOKEN: "y".repeat(43),
    LOG_LEVEL: "debug",
  },
  () => undefined,
);
if (!loaded.ok) throw new Error(loaded.problems.join());
const { config } = loaded;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("LogSampler", () => {
  it("admits the first hundred of a second and then every hundredth, for each message", () => {
    const sampler = new LogSampler();
    const admitted = (message: string, times: number) =>
      Array.from({ length: times }, () => sampler.admits(message)).filter(Boolean).length;
    expect(admitted("often", 100)).toBe(100);
    expect(admitted("often", 500)).toBe(5);
    expect(admitted("seldom", 3)).toBe(3);
    expect(sampler.leftOut).toBe(495);
    vi.advanceTimersByTime(1000);
    expect(admitted("often", 100)).toBe(100);
  });

  it("tells once a second what was left out, and nothing when nothing was", () => {
    const sampler = new LogSampler();
    const told: object[] = [];
    sampler.onLeftOut = (lines) => told.push(lines);
    for (let line = 0; line < 150; line++) sampler.admits("a");
    for (let line = 0; line < 110; line++) sampler.admits("b", 2);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([{ a: 50, b: 20 }]);
    sampler.admits("a");
    vi.advanceTimersByTime(5000);
    expect(told).toHaveLength(1);
    for (let line = 0; line < 103; line++) sampler.admits("a");
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([{ a: 50, b: 20 }, { a: 3 }]);
    expect(sampler.leftOut).toBe(73);
  });
});

describe("the application's logger", () => {
  let lines: Record<string, unknown>[];
  let server: FastifyInstance;
  let sampler: LogSampler;

  beforeEach(() => {
    lines = [];
    sampler = new LogSampler();
    const stream = { write: (line: string) => lines.push(JSON.parse(line)) };
    server = Fastify({
      logger: { ...loggerOptions(config, sampler), stream },
      logController: new RequestLog(sampler),
    });
    server.get("/quick", async () => "x");
    server.get("/probe", QUIET, async () => "x");
    server.get("/probe-fails", QUIET, async (request) => {
      request.log.info("not told");
      request.log.warn({ a: 1 }, "told");
      request.log.child({ b: 2 }).error("by a child");
      request.log.fatal("last words");
      throw new Error("broke");
    });
    server.get("/fails", async () => {
      throw new Error("postgres://a:canary@h/d broke");
    });
  });
  afterEach(() => server.close());

  const withMessage = (message: string) => lines.filter(({ msg }) => msg === message);

  it("tells of requests from begin to end, and of a hundred a second", async () => {
    for (let request = 0; request < 130; request++) await server.inject("/quick");
    const begun = withMessage("incoming request").map(({ reqId }) => reqId);
    expect(begun).toHaveLength(100);
    expect(withMessage("request completed").map(({ reqId }) => reqId)).toEqual(begun);
    expect(sampler.leftOut).toBe(60);
  });

  it.each([
    ["trace", 2],
    ["info", 2],
    ["warn", 0],
  ])("tells of requests at the level %s: %i lines", async (level, count) => {
    server.log.level = level;
    await server.inject("/quick");
    expect(lines).toHaveLength(count);
  });

  it("tells of every failed request, up to the sample of failures", async () => {
    for (let request = 0; request < 100; request++) await server.inject("/quick");
    await server.inject("/fails");
    const failures = lines.filter(({ level }) => level === 50);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ reqId: "req-2t", req: { method: "GET", path: "/fails" } });
    expect(JSON.stringify(failures)).not.toContain("canary");
  });

  it("takes nothing of the sample for routes that are not told of", async () => {
    for (let request = 0; request < 200; request++) await server.inject("/probe");
    await server.inject("/quick");
    expect(withMessage("request completed")).toHaveLength(1);
    expect(sampler.leftOut).toBe(0);
  });

  it("makes a logger for such a route only when there is something to tell, and then with the request's id", async () => {
    const made = vi.spyOn(Object.getPrototypeOf(server.log), "child");
    await server.inject("/probe");
    expect(made).not.toHaveBeenCalled();
    await server.inject("/probe-fails");
    made.mockRestore();
    const told = { reqId: "req-2" };
    expect(lines).toEqual([
      expect.objectContaining({ ...told, level: 40, a: 1, msg: "told" }),
      expect.objectContaining({ ...told, level: 50, b: 2, msg: "by a child" }),
      expect.objectContaining({ ...told, level: 60, msg: "last words" }),
      expect.objectContaining({
        ...told,
        level: 50,
        msg: "broke",
        req: { method: "GET", path: "/probe-fails" },
      }),
    ]);
  });

  it("samples each message by itself, whatever its form, but never the last words", () => {
    for (let line = 0; line < 200; line++) {
      server.log.warn("plain");
      server.log.warn({ line }, "with fields");
      server.log.fatal("the end");
    }
    expect(withMessage("plain")).toHaveLength(101);
    expect(withMessage("with fields")).toHaveLength(101);
    expect(withMessage("the end")).toHaveLength(200);
  });

  it("wants no debug lines of code that gathers something for them, unless they are written", () => {
    expect(workLog(server.log).debug).toBeTypeOf("function");
    server.log.level = "info";
    expect(workLog(server.log).debug).toBeUndefined();
  });

  it("names the request in lines of code that does not know it", () => {
    const log = workLog(server.log);
    withCaller("GET /x", () => withCaller("inner", () => log.info({ a: 1 }, "inside")), "req-7");
    withCaller("a job", () => log.warn({ a: 2 }, "of a job"));
    expect(withMessage("inside")).toEqual([expect.objectContaining({ a: 1, reqId: "req-7" })]);
    expect(withMessage("of a job")[0]).not.toHaveProperty("reqId");
    expect(currentWork()).toBeUndefined();
  });
});

describe("log of changes", () => {
  const logged: [object, string][] = [];
  const log = { info: (fields: object, message: string) => logged.push([fields, message]) };
  beforeEach(() => {
    logged.length = 0;
  });

  it("tells a verdict of health only when it is another one", () => {
    const tell = healthLog(log);
    tell({ status: "pass", cause: null, output: null });
    tell({ status: "pass", cause: null, output: null });
    tell({ status: "fail", cause: "dns", output: "why" });
    tell({ status: "fail", cause: "dns", output: "why, with other figures" });
    tell({ status: "pass", cause: null, output: null });
    expect(logged.map(([fields]) => fields)).toEqual([
      { status: "pass", cause: null, output: undefined },
      { status: "fail", cause: "dns", output: "why" },
      { status: "pass", cause: null, output: undefined },
    ]);
  });

  it("tells the pool's size once a second when it is another one, and nothing where it is unknown", () => {
    let counts: { totalCount: number; idleCount: number; waitingCount: number } | null = null;
    const timer = logPoolSize(() => ({ counts, limit: 9 }), log);
    vi.advanceTimersByTime(2000);
    expect(logged).toEqual([]);
    for (const totalCount of [3, 3, 5]) {
      counts = { totalCount, idleCount: 1, waitingCount: 0 };
      vi.advanceTimersByTime(1000);
    }
    expect(logged.map(([fields]) => fields)).toEqual([
      { from: 0, to: 3, idle: 1, waiting: 0, limit: 9 },
      { from: 3, to: 5, idle: 1, waiting: 0, limit: 9 },
    ]);
    clearInterval(timer);
  });
});
