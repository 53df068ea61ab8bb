import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { METRICS } from "../../../app/metrics/catalogue.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { AppProcess, METRICS_TOKEN } from "../../support/app-process.ts";
import { eventually, type Load, startLoad } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { promtool } from "../../support/promtool.ts";
import { familiesOf, parseScrape, type Series } from "../../support/scrape.ts";

const MODES = [
  ["standard", "false"],
  ["enhanced", "true"],
] as const;
const LIMIT = 7;
/** PgBouncer's pool: fewer than the application's, so that work waits in both. */
const SERVERS = 5;

describe.skipIf(!(await engineAvailable()))("metrics over PgBouncer and Postgres", () => {
  let database: AppDatabase;
  let app: AppProcess;
  let load: Load | undefined;

  beforeAll(async () => {
    database = await startAppDatabase({ default_pool_size: String(SERVERS) });
  });
  afterEach(async () => {
    await app?.stop();
    await load?.stop();
    load = undefined;
  });
  afterAll(() => database?.stop());

  const start = async (
    enhanced: string,
    environment: Record<string, string> = {},
    change: Record<string, string> = {},
  ) => {
    const settings = {
      DATABASE_CONNECTION_LIMIT: String(LIMIT),
      DATABASE_POOL_TIMEOUT: "30",
      USE_ENHANCED_POOLING: enhanced,
      ...change,
    };
    app = await AppProcess.start({ settings, databaseUrl: database.urls.database }, environment);
  };
  const scrape = async () => {
    const answer = await app.get("/metrics");
    expect(answer.status).toBe(200);
    return await answer.text();
  };
  const valueIn = (text: string, name: string, labels: Series["labels"] = {}) =>
    parseScrape(text).find(
      (series) =>
        series.name === name && Object.entries(labels).every(([key, value]) => series.labels[key] === value),
    )?.value;

  /** Of the application's pool alone: health keeps a connection of its own. */
  const clients = async () => {
    const all = await database.pgbouncer.console("SHOW CLIENTS");
    const own = all.filter(({ application_name: name }) => name === "poolkit-app");
    const waiting = own.filter(({ state }) => state === "waiting").length;
    return { active: own.length - waiting, waiting };
  };

  describe.each(MODES)("%s mode", (mode, enhanced) => {
    it("agree with PgBouncer and Postgres while everything is held up", async () => {
      await start(enhanced);
      const callers = LIMIT + 2;
      await database.asSuperuser(async (holder) => {
        await holder.query("BEGIN");
        await holder.query("LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
        load = startLoad(callers, () => app.get("/api/sessions?limit=5"));
        await eventually(
          async () => valueIn(await scrape(), "db_client_connection_pending_requests") === callers - LIMIT,
          { what: "two requests that wait for the application's pool" },
        );
        await eventually(async () => (await clients()).waiting === LIMIT - SERVERS, {
          what: "two clients that wait in PgBouncer",
        });
        const text = await scrape();
        const pools = await database.pgbouncer.console("SHOW POOLS");
        const pool = pools.find(({ user }) => user === "poolkit_app");
        const { rows } = await holder.query<{ held: number }>(
          "SELECT count(*)::integer AS held FROM pg_stat_activity WHERE usename = 'poolkit_app' AND wait_event_type = 'Lock'",
        );
        expect(valueIn(text, "db_client_connection_max")).toBe(LIMIT);
        expect(valueIn(text, "poolkit_pool_work_running")).toBe(callers);
        const { active, waiting } = await clients();
        expect(valueIn(text, "db_client_connection_count", { state: "used" })).toBe(
          mode === "enhanced" ? active + waiting : undefined,
        );
        expect([Number(pool?.sv_active), rows[0]?.held]).toEqual([SERVERS, SERVERS]);
        expect(active + waiting).toBe(LIMIT);
        await holder.query("ROLLBACK");
      });
      expect((await load?.stop())?.failures).toEqual([]);
    });

    it("count every request and statement of a load, and are clean for promtool", async () => {
      await start(enhanced);
      load = startLoad(20, () => app.get("/api/sessions?limit=5"));
      await load.progress(100);
      const underLoad = await scrape();
      const result = await load.stop();
      const route = { http_route: "/api/sessions", http_response_status_code: "200" };
      // A request is counted when its answer has left, which the caller may see a moment before.
      await eventually(
        async () =>
          valueIn(await scrape(), "http_server_request_duration_seconds_count", route) === result.succeeded,
        { what: `${result.succeeded} counted requests` },
      );
      const text = await scrape();
      const reads = valueIn(text, "db_client_operation_duration_seconds_count", {
        db_operation_name: "SELECT",
      });
      expect(reads).toBeGreaterThanOrEqual(result.succeeded);
      const [checkouts, uses] = ["wait", "use"].map((what) =>
        valueIn(text, `db_client_connection_${what}_time_seconds_count`),
      );
      expect(uses).toBe(checkouts);
      if (mode === "enhanced") expect(checkouts).toBeGreaterThanOrEqual(result.succeeded);
      const [used, idle] = ["used", "idle"].map((state) =>
        valueIn(text, "db_client_connection_count", { state }),
      );
      expect([used, idle]).toEqual(mode === "enhanced" ? [0, LIMIT] : [undefined, undefined]);
      const opened = valueIn(text, "poolkit_pool_connections_opened_total");
      expect(opened).toBe(mode === "enhanced" ? LIMIT : undefined);

      for (const one of [underLoad, text]) {
        expect(await promtool(["check", "metrics"], { stdin: one })).toEqual({ code: 0, text: "" });
      }
      const known = Object.entries(METRICS).filter(
        ([, { modes }]) => modes === "both" || mode === "enhanced",
      );
      const own = familiesOf(text).filter((name) => /^(db|poolkit|http)_/.test(name));
      expect(own.sort()).toEqual(known.map(([name]) => name).sort());
    });
  });

  it("count what was imported and processed", async () => {
    await start("true", { PROCESSING_CONCURRENCY: "1" });
    const transcript = "[2026-11-01T09:00:00Z] User: hello";
    const rows = ["m-1", "m-2"].map((id) => `${id},2026-11-01T09:00:00Z,${transcript}`);
    const file = ["external_id,started_at,transcript", ...rows, "m-3,yesterday,"].join("\n");
    expect((await app.importFile("Metrics", file)).status).toBe(201);
    await eventually(
      async () => {
        const done = { stage: "SUMMARY", outcome: "completed" };
        return (valueIn(await scrape(), "poolkit_processing_stages_total", done) ?? 0) >= rows.length;
      },
      { what: "both sessions at the end of their last stage" },
    );
    const text = await scrape();
    expect(valueIn(text, "poolkit_imports_total", { outcome: "completed" })).toBe(1);
    expect(valueIn(text, "poolkit_import_rows_total", { result: "accepted" })).toBe(rows.length);
    expect(valueIn(text, "poolkit_import_rows_total", { result: "rejected" })).toBe(1);
    // Four stages one after the other are four batches at least.
    expect(valueIn(text, "poolkit_processing_batch_duration_seconds_count")).toBeGreaterThanOrEqual(4);
  });

  it("keep their series when addresses, methods and tokens are made up", async () => {
    await start("true");
    const made = Array.from({ length: 30 }, (_, index) => `/api/sessions/${index}`);
    for (const path of [...made, "/nowhere/1", "/nowhere/2"]) await app.get(path);
    await fetch(`${app.url}/nowhere`, { method: "PROPFIND" });
    const text = await scrape();
    const requests = parseScrape(text).filter(
      ({ name }) => name === "http_server_request_duration_seconds_count",
    );
    expect(
      requests.map(({ labels, value }) => [labels.http_request_method, labels.http_route, value]),
    ).toEqual(
      expect.arrayContaining([
        ["GET", "/api/sessions/:id", 30],
        ["GET", undefined, 2],
        ["_OTHER", undefined, 1],
      ]),
    );
    expect(text).not.toContain("canary");
    expect(text).not.toContain(METRICS_TOKEN);
  });

  it("count requests whose callers did not wait for the answer", async () => {
    await start("true");
    await database.asSuperuser(async (holder) => {
      await holder.query("BEGIN");
      await holder.query("LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
      await expect(app.get("/api/sessions", 300)).rejects.toThrow();
      const requests = async () =>
        parseScrape(await scrape()).filter(
          ({ name, labels }) =>
            name === "http_server_request_duration_seconds_count" && labels.http_route === "/api/sessions",
        );
      await eventually(async () => (await requests()).length > 0, { what: "a counted request" });
      expect(
        (await requests()).map(({ labels, value }) => [labels.http_response_status_code, value]),
      ).toEqual([[undefined, 1]]);
      await holder.query("ROLLBACK");
    });
  });

  // The last test: PgBouncer does not come back.
  it("move when PgBouncer is full, frozen and gone, and when the process stands still", async () => {
    await start(
      "true",
      {},
      {
        DATABASE_CONNECTION_LIMIT: "2",
        DATABASE_POOL_TIMEOUT: "1",
        DATABASE_LEAK_THRESHOLD: "1",
        DATABASE_RETRY_BUDGET: "2",
      },
    );
    const value = async (name: string, labels: Series["labels"] = {}) =>
      valueIn(await scrape(), name, labels);
    const moved = (name: string, labels: Series["labels"] = {}) =>
      eventually(async () => ((await value(name, labels)) ?? 0) > 0, { what: `${name} that moves` });
    const moving: [string, Series["labels"]][] = [
      ["poolkit_retries_total", { reason: "client_limit" }],
      ["db_client_connection_timeouts_total", {}],
      ["poolkit_pool_leaks_total", {}],
      ["poolkit_pool_overdue_connections", {}],
      ["poolkit_circuit_opened_total", {}],
      ["poolkit_circuit_state", { state: "open" }],
    ];
    expect((await app.get("/api/sessions")).status).toBe(200);
    const before = await scrape();
    expect(moving.map(([name, labels]) => valueIn(before, name, labels))).toEqual(moving.map(() => 0));

    // With no connection left of the first request, so that new ones are asked for.
    await eventually(async () => (await clients()).active === 0, { what: "a pool without connections" });
    await database.pgbouncer.console("SET max_client_conn = 0");
    load = startLoad(4, () => app.get("/api/sessions"));
    await moved("poolkit_retries_total", { reason: "client_limit" });
    await database.pgbouncer.console("SET max_client_conn = 200");

    // Only work that is under way when PgBouncer freezes keeps its connection.
    await eventually(async () => (await app.get("/api/sessions")).status === 200, { what: "a pool in use" });
    await database.pgbouncer.container.pause();
    await moved("db_client_connection_timeouts_total");
    await moved("poolkit_pool_leaks_total");
    await moved("poolkit_pool_overdue_connections");
    await database.pgbouncer.container.unpause();

    await database.pgbouncer.container.stop({ t: 1 });
    await moved("poolkit_circuit_opened_total");
    await moved("poolkit_circuit_state", { state: "open" });
    expect(await value("poolkit_circuit_state", { state: "closed" })).toBe(0);

    const lagAfterStandstill = async () => {
      await scrape(); // the lag is that since the scrape before
      await sleep(50); // and from one tick of its timer to the next: the first one must come before the standstill
      app.child.kill("SIGSTOP");
      await sleep(500);
      app.child.kill("SIGCONT");
      await sleep(50); // a scrape may be answered before the timer that measures has been late
      return (await value("nodejs_eventloop_lag_max_seconds")) ?? 0;
    };
    await eventually(async () => (await lagAfterStandstill()) > 0.4, { what: "an event loop that lagged" });
  });
});
