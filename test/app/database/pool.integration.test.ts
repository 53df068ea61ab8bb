import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SETTING_KEYS, SETTINGS, type SettingKey } from "../../../app/config/settings.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { API_TOKEN, type AppFiles, AppProcess, HEALTH_TOKEN } from "../../support/app-process.ts";
import { eventually, type Load, startLoad } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { parseScrape } from "../../support/scrape.ts";

const MODES = [
  ["standard", "false"],
  ["enhanced", "true"],
] as const;

describe.skipIf(!(await engineAvailable()))("the application over PgBouncer and Postgres", () => {
  let database: AppDatabase;
  let app: AppProcess | undefined;
  let load: Load | undefined;

  beforeAll(async () => {
    database = await startAppDatabase();
  });
  afterEach(async () => {
    await load?.stop();
    await app?.stop();
    load = app = undefined;
  });
  afterAll(() => database?.stop());

  const files = (settings: Record<string, string>): AppFiles => ({
    // Nobody is to give up because the machine is busy.
    settings: {
      DATABASE_POOL_TIMEOUT: "50",
      DATABASE_TRANSACTION_MAX_WAIT: "50",
      DATABASE_TRANSACTION_TIMEOUT: "50",
      STOP_GRACE: "10",
      ...settings,
    },
    databaseUrl: database.urls.database,
    monitorUrl: database.urls.monitor,
    consoleUrl: database.urls.console,
  });
  const start = async (settings: Record<string, string>) => {
    app = await AppProcess.start(files(settings));
    return app;
  };
  /** Connections of the application's pool, as PgBouncer sees them. */
  const poolClients = async () =>
    (await database.pgbouncer.console("SHOW CLIENTS")).filter((row) => row.application_name === "poolkit-app")
      .length;

  describe.each(MODES)("%s mode", (mode, enhanced) => {
    it("never opens more than the limit for hundreds of concurrent requests", async () => {
      const started = await start({ USE_ENHANCED_POOLING: enhanced, DATABASE_CONNECTION_LIMIT: "7" });
      const running = startLoad(300, () => started.get("/api/sessions?limit=5", 60_000));
      load = running;
      let most = 0;
      for (let look = 0; look < 10; look++) {
        await running.progress(50);
        most = Math.max(most, await poolClients());
      }
      const { failures } = await running.stop();
      expect(failures).toEqual([]);
      expect(most).toBe(7);
      const { application } = (await started.health()).pool;
      expect(application).toMatchObject({ mode, limit: 7, runningCount: 0 });
      expect(application.totalCount).toBe(mode === "enhanced" ? 7 : null);
    });
  });

  it.each([
    ["by a signal", (app: AppProcess, changed: AppFiles) => app.reconfigure(changed)],
    ["by its files alone", (app: AppProcess, changed: AppFiles) => app.write(changed)],
  ])(
    "changes limit, timeouts and mode %s under reads, writes and transactions without a failed request",
    // A second run would hide a race.
    { timeout: 240_000, retry: 0 },
    async (how, change) => {
      const started = await start({ USE_ENHANCED_POOLING: "false", DATABASE_CONNECTION_LIMIT: "4" });
      let number = 0;
      const running = startLoad(200, () => {
        number += 1;
        return number % 5 > 0
          ? started.get("/api/dashboard", 60_000)
          : started.post("/api/sessions", {
              company: "Live",
              externalId: `${how} ${number}`,
              startedAt: "2026-11-23T00:00:00Z",
            });
      });
      load = running;
      const lostConnections = async () =>
        parseScrape(await (await started.get("/metrics")).text())
          .filter(
            ({ name, labels }) =>
              /retries_total$/.test(name) && Object.values(labels).includes("connection_lost"),
          )
          .reduce((sum, { value }) => sum + value, 0);
      // Up and down, there and back: every direction between the modes.
      const changes: Record<string, string>[] = [
        { USE_ENHANCED_POOLING: "true", DATABASE_CONNECTION_LIMIT: "9", DATABASE_ACQUIRE_TIMEOUT: "20" },
        { USE_ENHANCED_POOLING: "true", DATABASE_CONNECTION_LIMIT: "3", DATABASE_ACQUIRE_TIMEOUT: "30" },
        { USE_ENHANCED_POOLING: "false", DATABASE_CONNECTION_LIMIT: "6", DATABASE_IDLE_TIMEOUT: "5" },
        { USE_ENHANCED_POOLING: "false", DATABASE_CONNECTION_LIMIT: "4", DATABASE_MAX_LIFETIME: "60" },
      ];
      for (const settings of changes) {
        await running.progress(100);
        const { revision } = (await started.health()).configuration;
        change(started, files(settings));
        await eventually(async () => (await started.health()).configuration.revision !== revision, {
          what: "the new revision",
        });
        const { application } = (await started.health()).pool;
        expect(application).toMatchObject({
          mode: settings.USE_ENHANCED_POOLING === "true" ? "enhanced" : "standard",
          limit: Number(settings.DATABASE_CONNECTION_LIMIT),
        });
        await running.progress(100);
        await eventually(async () => (await poolClients()) <= Number(settings.DATABASE_CONNECTION_LIMIT), {
          what: "the former pool's end",
        });
      }
      const { failures, succeeded } = await running.stop();
      expect(failures).toEqual([]);
      expect(succeeded).toBeGreaterThanOrEqual(800);
      // None was saved by a repetition: no connection was taken from anybody who used it.
      expect(await lostConnections()).toBe(0);
    },
  );

  it("refuses an invalid file, keeps the former settings and says why", async () => {
    const started = await start({ DATABASE_CONNECTION_LIMIT: "4" });
    const before = await started.health();
    expect(before).toMatchObject({ status: "pass", cause: null });
    started.reconfigure(files({ DATABASE_CONNECTION_LIMIT: "-1" }));
    await eventually(async () => (await started.health()).configuration.lastError !== null, {
      what: "lastError",
    });
    const refused = await started.health();
    expect(refused).toMatchObject({ status: "warn", cause: "configuration_refused" });
    expect(refused.configuration.lastError).toMatch(
      /^DATABASE_CONNECTION_LIMIT \(settings file\): found "-1"/,
    );
    expect(refused.configuration.revision).toBe(before.configuration.revision);
    expect(refused.pool.application.limit).toBe(4);
    expect((await started.get("/api/sessions")).status).toBe(200);

    started.reconfigure({ ...files({}), databaseUrl: database.urls.database.replace("canary", "wrong") });
    await eventually(async () =>
      /does not log in/.test((await started.health()).configuration.lastError ?? ""),
    );

    started.reconfigure(files({ DATABASE_CONNECTION_LIMIT: "5" }));
    await eventually(async () => (await started.health()).status === "pass", {
      what: "the repaired settings",
    });
    expect((await started.health()).pool.application.limit).toBe(5);
  });

  it("writes a session with its messages and stages, once", async () => {
    const started = await start({});
    const session = {
      company: "Written",
      externalId: "w-1",
      startedAt: "2026-11-23T10:00:00+01:00",
      messages: [
        { role: "USER", content: "Hello" },
        { role: "ASSISTANT", content: "Hi" },
      ],
    };
    expect((await started.post("/api/sessions", session)).status).toBe(201);
    expect((await started.post("/api/sessions", session)).status).toBe(409);
    const listed = (await (await started.get("/api/sessions?limit=1")).json()) as { sessions: object[] };
    expect(listed.sessions[0]).toMatchObject({
      externalId: "w-1",
      company: "Written",
      messages: 2,
      status: "OPEN",
    });
    const stages = await database.asSuperuser((client) =>
      client.query(
        "SELECT stage, stage.status FROM app.session_stages stage JOIN app.chat_sessions ON id = session_id WHERE external_id = 'w-1' ORDER BY stage",
      ),
    );
    expect(stages.rows).toEqual([
      { stage: "IMPORT", status: "SKIPPED" },
      { stage: "TRANSCRIPT", status: "PENDING" },
    ]);
  });

  it("says once at its start, and in health, which settings are in force and where they come from", async () => {
    app = await AppProcess.start(
      { ...files({}), databaseUrl: `${database.urls.database}?connection_limit=3` },
      { DATABASE_CONNECTION_LIMIT: "4" },
    );
    const { values } = (await app.health()).configuration;
    const logged = app.lines.map((line) => JSON.parse(line));
    const inForce = logged.filter(({ msg }) => msg === "configuration in force");
    expect(inForce).toHaveLength(1);
    expect(inForce[0].values).toEqual(values);
    expect(Object.keys(values).sort()).toEqual([...SETTING_KEYS].sort());
    for (const [key, effective] of Object.entries(values)) {
      expect(effective, key).toEqual({
        value: expect.anything(),
        unit: SETTINGS[key as SettingKey].unit,
        source: expect.stringMatching(/./),
      });
    }
    expect(values).toMatchObject({
      DATABASE_CONNECTION_LIMIT: { value: 4, unit: "connections", source: "environment" },
      DATABASE_POOL_TIMEOUT: { value: 50, unit: "seconds", source: "settings file" },
      DATABASE_ACQUIRE_TIMEOUT: { value: 50, unit: "seconds", source: "DATABASE_POOL_TIMEOUT" },
      DATABASE_RETRY_BUDGET: { value: 5, unit: "seconds", source: "default" },
    });
    expect(logged.filter(({ level }) => level === 40).map(({ msg }) => msg)).toEqual([
      "DATABASE_CONNECTION_LIMIT: environment says 4 and wins over database URL (connection_limit) with 3",
    ]);
  });

  it("reads secrets from the files that variables name, and takes a changed one over", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "poolkit-secrets-"));
    const [urlFile, tokenFile] = [path.join(folder, "url"), path.join(folder, "token")];
    try {
      writeFileSync(urlFile, `${database.urls.database}\n`);
      writeFileSync(tokenFile, "first-token-0123456789abcdef0123456789abcdef\n");
      const started = await AppProcess.start(
        // What the folder of the configuration has must not be what counts.
        { ...files({}), databaseUrl: "postgres://nobody:x@127.0.0.1:1/nowhere" },
        { DATABASE_URL_FILE: urlFile, API_TOKEN_FILE: tokenFile },
      );
      app = started;
      const statusWith = async (token: string) => {
        const headers = { authorization: `Bearer ${token}` };
        const response = await fetch(`${started.url}/api/sessions`, { headers });
        await response.arrayBuffer();
        return response.status;
      };
      const [first, second] = ["first", "other"].map(
        (word) => `${word}-token-0123456789abcdef0123456789abcdef`,
      );
      expect(await statusWith(first ?? "")).toBe(200);
      expect(await statusWith(API_TOKEN)).toBe(401);
      writeFileSync(tokenFile, second ?? "");
      await eventually(async () => (await statusWith(second ?? "")) === 200, { what: "the changed token" });
      expect(await statusWith(first ?? "")).toBe(401);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("logs JSON lines without a secret", async () => {
    const started = await start({});
    await started.get("/api/sessions?q=canary-query");
    await fetch(`${started.url}/api/sessions`, { headers: { authorization: "Bearer canary-wrong" } });
    started.child.kill("SIGTERM");
    await started.exited;
    for (const line of started.lines)
      expect(JSON.parse(line)).toMatchObject({ stack: "local", preset: "none" });
    expect(started.lines.join("\n")).not.toMatch(/canary/);
    expect(started.lines.join("\n")).not.toContain(HEALTH_TOKEN);
    expect(started.lines.join("\n")).not.toContain(API_TOKEN);
    expect(started.errors).toEqual([]);
  });

  it("exits 78 with every problem and nothing else when the configuration is wrong", async () => {
    app = await AppProcess.start({
      settings: { DATABASE_CONNECTION_LIMIT: "0" },
      databaseUrl: "mysql://a:canary@h/d",
    });
    expect(await app.exited).toBe(78);
    expect(app.errors.map((line) => line.split(" ")[0])).toEqual([
      "DATABASE_URL",
      "DATABASE_CONNECTION_LIMIT",
    ]);
    expect(app.errors.join("\n")).not.toMatch(/canary|\bat /);
  });
});
