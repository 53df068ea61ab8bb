import { Agent, request } from "node:http";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { API_TOKEN, AppProcess } from "../../support/app-process.ts";
import { follow, send } from "../../support/follower.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { addSessions } from "../../support/processing-audit.ts";

const MODES = [
  ["standard", "false"],
  ["enhanced", "true"],
] as const;
/** Sessions with four stages each: more than is done between the first look and the signal. */
const BACKLOG = 5000;

// A second run would hide a race.
describe.skipIf(!(await engineAvailable()))("the stop of the application", { retry: 0 }, () => {
  let database: AppDatabase;
  let app: AppProcess;
  let locker: pg.Client | undefined;

  beforeAll(async () => {
    database = await startAppDatabase();
  });
  afterEach(async () => {
    await locker?.end();
    locker = undefined;
    await app?.stop();
  });
  afterAll(() => database?.stop());

  const start = async (settings: Record<string, string>, environment: Record<string, string> = {}) => {
    app = await AppProcess.start(
      {
        settings: { DATABASE_POOL_TIMEOUT: "10", STOP_GRACE: "10", ...settings },
        databaseUrl: database.urls.database,
        monitorUrl: database.urls.monitor,
        consoleUrl: database.urls.console,
      },
      environment,
    );
    await eventually(async () => (await app.get("/readyz")).status === 200, { what: "readiness" });
  };
  const poolClients = async () =>
    (await database.pgbouncer.console("SHOW CLIENTS")).filter((row) => row.database === "poolkit");
  /** From the signal to the end, in milliseconds, with the exit code. */
  const stopped = async (signal: NodeJS.Signals = "SIGTERM") => {
    const since = performance.now();
    app.child.kill(signal);
    return { code: await app.exited, afterMs: performance.now() - since };
  };
  /** Makes every query of the sessions wait, until the test is over. */
  const lockSessions = async () => {
    const { port, password } = database.postgres;
    locker = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password, database: "poolkit" });
    await locker.connect();
    await locker.query("BEGIN; LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
  };
  const logged = (message: string) => app.lines.filter((line) => line.includes(`"msg":"${message}"`));

  describe.each(MODES)("in %s mode", (mode, enhanced) => {
    it("loses no request of callers that follow readiness, and leaves nothing in the database", async () => {
      await start({ USE_ENHANCED_POOLING: enhanced, DATABASE_CONNECTION_LIMIT: "5" });
      let number = 0;
      const followers = follow(app.url, API_TOKEN, 30, () => {
        number += 1;
        if (number % 5 > 0) return { path: number % 2 > 0 ? "/api/sessions?limit=5" : "/api/dashboard" };
        const externalId = `${mode}-${number}`;
        return {
          path: "/api/sessions",
          body: { company: "Stop", externalId, startedAt: "2026-11-23T00:00:00Z" },
        };
      });
      await followers.progress(300);
      const { code, afterMs } = await stopped();
      const { failures, succeeded } = await followers.left;
      expect(failures).toEqual([]);
      expect(succeeded).toBeGreaterThan(300);
      expect(code).toBe(0);
      expect(afterMs).toBeLessThan(10_000);
      expect(await poolClients()).toEqual([]);
      const open = await database.asSuperuser((client) =>
        client.query(
          "SELECT usename, state, query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
        ),
      );
      expect(open.rows).toEqual([]);
    });

    it("answers near the end of the grace those who still wait for the database, and ends in time", async () => {
      await start({ USE_ENHANCED_POOLING: enhanced, DATABASE_CONNECTION_LIMIT: "2", STOP_GRACE: "4" });
      await lockSessions();
      // Two get a connection and wait for the lock, five wait for a connection.
      const waiting = Array.from({ length: 7 }, () =>
        send(new Agent(), app.url, API_TOKEN, { path: "/api/sessions" }),
      );
      await eventually(async () => (await app.health()).pool.application.runningCount === 7, {
        what: "seven requests under way",
      });
      const { code, afterMs } = await stopped();
      expect(await Promise.all(waiting)).toEqual(Array.from({ length: 7 }, () => 503));
      expect(code).toBe(1);
      expect(afterMs).toBeLessThan(4000);
      expect(logged("database work cut off at the end of the stop").map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({ cutOff: 7 }),
      ]);
      await eventually(async () => (await poolClients()).length === 0, { what: "no client at PgBouncer" });
    });
  });

  it("lets schedulers end or hand back what they have begun", async () => {
    await start(
      { DATABASE_CONNECTION_LIMIT: "6" },
      { PROCESSING_CONCURRENCY: "4", PROCESSING_POLL_INTERVAL: "60" },
    );
    const one = (sql: string) =>
      database.asSuperuser(async (client) => Number((await client.query<{ n: string }>(sql)).rows[0]?.n));
    await database.asSuperuser((client) => addSessions(client, BACKLOG));
    // A new session wakes them; the next poll is a minute away.
    const session = { company: "Stop", externalId: "wakes", startedAt: "2026-11-23T00:00:00Z" };
    expect((await app.post("/api/sessions", session)).status).toBe(201);
    const ended = "SELECT count(*) AS n FROM app.session_stages WHERE status = 'COMPLETED'";
    await eventually(async () => (await one(ended)) > 50, { what: "the first ended stages" });
    const { code } = await stopped();
    expect(code).toBe(0);
    expect(await one("SELECT count(*) AS n FROM app.session_stages WHERE status = 'RUNNING'")).toBe(0);
    // They were in the middle of it, and nothing was tried twice; what was handed back counts as not tried.
    expect(
      await one("SELECT count(*) AS n FROM app.session_stages WHERE available_at IS NOT NULL"),
    ).toBeGreaterThan(0);
    expect(
      await one(
        "SELECT count(*) AS n FROM app.session_stages WHERE status <> 'SKIPPED' AND attempts <> (status <> 'PENDING')::int",
      ),
    ).toBe(0);
    expect(await poolClients()).toEqual([]);
  });

  it("cuts off a request that nothing ends, and logs which", async () => {
    await start({ STOP_GRACE: "3" });
    // A caller that announces a body and never sends it.
    const headers = { authorization: `Bearer ${API_TOKEN}`, "content-length": "100" };
    const hanging = request(`${app.url}/api/sessions?secret=canary`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
    });
    const cut = new Promise((resolve) => hanging.on("error", (error) => resolve(String(error))));
    hanging.write("{");
    await eventually(async () => app.lines.some((line) => line.includes('"method":"POST"')));
    const { code, afterMs } = await stopped();
    expect(await cut).toMatch(/socket hang up|ECONNRESET/);
    expect(code).toBe(1);
    expect(afterMs).toBeLessThan(3000);
    const [line = "{}"] = logged("request cut off at the end of the stop");
    expect(JSON.parse(line)).toMatchObject({ method: "POST", path: "/api/sessions" });
    expect(JSON.parse(line).ageMs).toBeGreaterThan(1000);
    expect(app.lines.join("\n")).not.toContain("canary");
  });

  it("ends at once at the second signal", async () => {
    await start({ STOP_GRACE: "60" });
    await lockSessions();
    const waiting = send(new Agent(), app.url, API_TOKEN, { path: "/api/sessions" }).catch(() => 0);
    await eventually(async () => (await app.health()).pool.application.runningCount === 1);
    app.child.kill("SIGTERM");
    await eventually(async () => (await app.get("/readyz")).status === 503, { what: "readiness 503" });
    const { code, afterMs } = await stopped();
    expect(code).toBe(1);
    expect(afterMs).toBeLessThan(1000);
    expect(await waiting).toBe(0);
  });

  it("ends an idle application within the time that callers get to leave", async () => {
    await start({ STOP_GRACE: "30" });
    const { code, afterMs } = await stopped("SIGINT");
    expect(code).toBe(0);
    expect(afterMs).toBeLessThan(5000);
  });
});
