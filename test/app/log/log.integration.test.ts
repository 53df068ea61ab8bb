import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { AppProcess } from "../../support/app-process.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";

type Line = Readonly<Record<string, unknown>>;

describe.skipIf(!(await engineAvailable()))("the log of the running application", () => {
  let database: AppDatabase;
  let app: AppProcess;

  beforeAll(async () => {
    database = await startAppDatabase();
  });
  afterEach(() => app?.stop());
  afterAll(() => database?.stop());

  const start = async (LOG_LEVEL: string) => {
    app = await AppProcess.start(
      {
        // A request that finds no database fails soon.
        settings: { USE_ENHANCED_POOLING: "true", DATABASE_POOL_TIMEOUT: "3", DATABASE_RETRY_BUDGET: "0" },
        databaseUrl: database.urls.database,
      },
      { LOG_LEVEL },
    );
  };
  const lines = () => app.lines.map((line): Line => JSON.parse(line));
  const withMessage = (message: string) => lines().filter(({ msg }) => msg === message);
  const told = (message: string) =>
    eventually(async () => withMessage(message).length > 0, { what: `a line "${message}"` });

  it("names the request on each of its lines, from the socket to the pool", async () => {
    await start("debug");
    expect((await app.get("/api/sessions/00000000-0000-7000-8000-000000000000")).status).toBe(404);
    await told("request completed");
    const caller = "GET /api/sessions/:id";
    const ofRequest = lines().filter(({ reqId, caller: by }) => reqId !== undefined || by === caller);
    const [{ reqId } = { reqId: undefined }] = ofRequest;
    expect(ofRequest).toEqual([
      expect.objectContaining({ reqId, level: 30, msg: "incoming request" }),
      expect.objectContaining({ reqId, level: 20, msg: "database connection acquired", caller }),
      expect.objectContaining({ reqId, level: 20, msg: "database connection released", caller }),
      expect.objectContaining({ reqId, level: 30, msg: "request completed" }),
    ]);
    await told("database pool changed its size");
    expect(withMessage("database pool changed its size")[0]).toMatchObject({ level: 30, from: 0, limit: 10 });
  });

  it("tells health when it changes, a failure with its cause, and no secret", async () => {
    await start("info");
    const passes = () =>
      eventually(async () => (await app.health()).status === "pass", { what: "health that passes" });
    await passes();
    await Promise.all([app.health(), app.health()]);
    await database.pgbouncer.console("KILL poolkit");
    await eventually(async () => (await app.health()).status === "fail", { what: "health that fails" });
    expect((await app.get("/api/sessions")).status).toBe(503);
    await database.pgbouncer.console("RESUME poolkit");
    await passes();
    await told("request failed");
    const tellings = () =>
      withMessage("health of the database").map(({ status, cause }) => `${status} ${cause}`);
    // A line of the log may be read later than the answer to the call that wrote it. On a busy machine more
    // verdicts than these may be seen; each is another one than the one before.
    await eventually(async () => /pass null, (.*, )?fail .*, pass null$/.test(tellings().join(", ")), {
      what: "a pass, a failure and a pass in the log",
    });
    const verdicts = tellings();
    expect(verdicts.filter((verdict, index) => verdict === verdicts[index - 1])).toEqual([]);
    expect(withMessage("request failed")[0]).toMatchObject({ level: 50, req: { path: "/api/sessions" } });
    expect(withMessage("database connection acquired")).toEqual([]);
    expect(app.lines.join("\n")).not.toContain("canary");
  });
});
