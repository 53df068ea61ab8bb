import { describe, expect, it } from "vitest";
import { Histogram } from "../../../app/database/histogram.ts";
import type { PoolMeasurements } from "../../../app/database/measured-pool.ts";
import { OperationTimes, operationOf } from "../../../app/database/operation-times.ts";
import type { PoolState } from "../../../app/database/pool-state.ts";
import { METRICS } from "../../../app/metrics/catalogue.ts";
import { databaseMetrics } from "../../../app/metrics/database-metrics.ts";
import { exposition, formatFor } from "../../../app/metrics/exposition.ts";
import type { Family } from "../../../app/metrics/family.ts";
import { measuredIn, processRegistry } from "../../../app/metrics/process-metrics.ts";
import { workMetrics } from "../../../app/metrics/work-metrics.ts";
import { WorkCounts } from "../../../app/processing/work-counts.ts";
import { familiesOf, parseScrape } from "../../support/scrape.ts";

const PROMETHEUS = formatFor(undefined);
const OPEN_METRICS = formatFor("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");

const measurements: PoolMeasurements = {
  connects: 9,
  removes: 4,
  leaks: 2,
  leakThresholdSeconds: 30,
  overdue: { count: 1, oldestSeconds: 40, oldestCaller: "somebody" },
  acquireWaitSeconds: { count: 3, sum: 12.5, buckets: [{ le: 10, count: 2 }] },
  useSeconds: { count: 1, sum: 0.5, buckets: [{ le: 10, count: 1 }] },
};
const enhanced: PoolState = {
  mode: "enhanced",
  limit: 7,
  counts: { totalCount: 5, idleCount: 2, waitingCount: 3 },
  running: 8,
  longestWaitMs: 1500,
  lastAcquireTimeoutMsAgo: null,
  drainingPools: 1,
  measurements,
  counters: {
    acquireTimeouts: 4,
    idleErrors: 6,
    retries: { unreachable: 11 },
    retriesGivenUp: 12,
    circuitOpened: 13,
  },
  circuit: "open",
};
const standard: PoolState = { ...enhanced, mode: "standard", counts: null, measurements: null };

async function scraped(families: readonly Family[]): Promise<Record<string, number>> {
  const series = parseScrape(await exposition(families, PROMETHEUS));
  return Object.fromEntries(
    series.map(({ name, labels: { pool_name, ...labels }, value }) => [
      [name, ...Object.entries(labels).map((pair) => pair.join("="))].join(" "),
      value,
    ]),
  );
}

describe("metrics of the database layer", () => {
  it("show what the pool and the layer have counted", async () => {
    expect(await scraped(databaseMetrics(enhanced, []))).toMatchObject({
      "db_client_connection_count state=idle": 2,
      "db_client_connection_count state=used": 3,
      db_client_connection_max: 7,
      db_client_connection_pending_requests: 3,
      db_client_connection_timeouts_total: 4,
      "db_client_connection_wait_time_seconds_bucket le=10": 2,
      "db_client_connection_wait_time_seconds_bucket le=+Inf": 3,
      db_client_connection_wait_time_seconds_sum: 12.5,
      db_client_connection_wait_time_seconds_count: 3,
      db_client_connection_use_time_seconds_sum: 0.5,
      poolkit_pool_connections_opened_total: 9,
      poolkit_pool_connections_closed_total: 4,
      poolkit_pool_idle_errors_total: 6,
      poolkit_pool_leaks_total: 2,
      poolkit_pool_overdue_connections: 1,
      poolkit_pool_work_running: 8,
      poolkit_pool_longest_wait_seconds: 1.5,
      poolkit_pool_draining: 1,
      "poolkit_retries_total reason=unreachable": 11,
      "poolkit_retries_total reason=write_conflict": 0,
      poolkit_retries_given_up_total: 12,
      "poolkit_circuit_state state=open": 1,
      "poolkit_circuit_state state=closed": 0,
      "poolkit_circuit_state state=half_open": 0,
      poolkit_circuit_opened_total: 13,
    });
  });

  it("leave out what standard mode cannot know, and nothing else", () => {
    const names = (pool: PoolState) => databaseMetrics(pool, []).map(({ name }) => name);
    const missing = names(enhanced).filter((name) => !names(standard).includes(name));
    const known = Object.entries(METRICS).filter(([, { modes }]) => modes === "enhanced");
    expect(missing.sort()).toEqual(known.map(([name]) => name).sort());
  });

  it("say in standard mode how much work waits, because the pool serves in order", async () => {
    const waiting = async (running: number) =>
      (await scraped(databaseMetrics({ ...standard, running }, []))).db_client_connection_pending_requests;
    expect([await waiting(3), await waiting(7), await waiting(9)]).toEqual([0, 0, 2]);
  });

  it("tell operations that failed from those that did not", async () => {
    const times = new OperationTimes();
    times.observe("SELECT", null, 0.02);
    times.observe("SELECT", null, 40);
    times.observe("SELECT", "timeout", 8);
    times.observe("COMMIT", "timeout", 1);
    const name = "db_client_operation_duration_seconds";
    const about = (operation: string) => `db_system_name=postgresql db_operation_name=${operation}`;
    expect(await scraped(databaseMetrics(standard, times.snapshot()))).toMatchObject({
      [`${name}_bucket ${about("SELECT")} le=0.05`]: 1,
      [`${name}_bucket ${about("SELECT")} le=30`]: 1,
      [`${name}_count ${about("SELECT")}`]: 2,
      [`${name}_sum ${about("SELECT")} error_type=timeout`]: 8,
      [`${name}_count ${about("COMMIT")} error_type=timeout`]: 1,
    });
  });

  it.each([
    ["SELECT 1", "SELECT"],
    ["\n      with due as (select 1) update x set y = 1", "WITH"],
    ["insert into x values (1)", "INSERT"],
    ["SELECTED", "OTHER"],
    ["-- comment\nSELECT 1", "OTHER"],
    ["", "OTHER"],
  ])("name the operation of %j", (sql, operation) => {
    expect(operationOf(sql)).toBe(operation);
  });
});

describe("metrics of the background work", () => {
  it("count stages by their end, and those that were taken over", async () => {
    const work = new WorkCounts();
    const move = { session_id: "x", result: null, error: null, next_stage: null, session_status: null };
    const moves = (["COMPLETED", "FAILED", "PENDING"] as const).map((status) => ({
      ...move,
      status,
      stage: "ANALYSIS" as const,
      messages: [],
      delay_seconds: 1,
      attempts_returned: 0,
    }));
    work.countMoves([...moves, ...moves.slice(2).map((one) => ({ ...one, attempts_returned: 1 }))], 3);
    work.countImport("refused", { rows: { accepted: 5, duplicate: 2, rejected: 1 } });
    await work.batch(async () => {
      expect(work.batchesRunning).toBe(1);
    });
    expect(await scraped(workMetrics(work, 2))).toMatchObject({
      "poolkit_processing_stages_total stage=ANALYSIS outcome=completed": 1,
      "poolkit_processing_stages_total stage=ANALYSIS outcome=failed": 1,
      "poolkit_processing_stages_total stage=ANALYSIS outcome=retried": 1,
      "poolkit_processing_stages_total stage=ANALYSIS outcome=handed_back": 1,
      "poolkit_processing_stages_total stage=IMPORT outcome=completed": 0,
      poolkit_processing_stages_taken_over_total: 1,
      poolkit_processing_batches_running: 0,
      poolkit_processing_batch_duration_seconds_count: 1,
      poolkit_processing_paused: 0,
      "poolkit_imports_total outcome=refused": 1,
      "poolkit_imports_total outcome=completed": 0,
      poolkit_imports_running: 2,
      poolkit_imports_abandoned_total: 0,
      "poolkit_import_rows_total result=accepted": 5,
      "poolkit_import_rows_total result=duplicate": 2,
      "poolkit_import_rows_total result=rejected": 1,
    });
  });
});

describe("exposition", () => {
  const families = databaseMetrics(enhanced, []);

  it("is Prometheus' text unless the other side names OpenMetrics", () => {
    expect(formatFor("text/plain")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(formatFor("*/*")).toBe(PROMETHEUS);
    expect(PROMETHEUS).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(OPEN_METRICS).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  });

  it("names counters and the untyped as OpenMetrics wants them", async () => {
    const text = await exposition(families, OPEN_METRICS);
    expect(text).toContain("# TYPE poolkit_pool_leaks counter\n");
    expect(text).toContain('\npoolkit_pool_leaks_total{pool_name="poolkit-app"} 2\n');
    expect(text).toContain("# TYPE db_client_connection_count unknown\n");
    expect(text).not.toContain("_total_total");
    expect(text.endsWith("\n# EOF\n")).toBe(true);
  });

  it("keeps the formats of two scrapes apart, in whatever order they come", async () => {
    const [first, , second] = await Promise.all([
      exposition(families, PROMETHEUS),
      exposition(families, OPEN_METRICS),
      exposition(families, PROMETHEUS),
    ]);
    expect(second).toBe(first);
    expect(familiesOf(first)).toContain("poolkit_pool_leaks_total");
  });

  it("counts a value on a bound as below it", () => {
    const histogram = new Histogram([5, 10]);
    for (const value of [5, 5.1, 11]) histogram.observe(value);
    expect(histogram.snapshot().buckets).toEqual([
      { le: 5, count: 1 },
      { le: 10, count: 2 },
    ]);
  });
});

describe("metrics of the process", () => {
  it("show no lag of the event loop to a scrape right after another one, for which none was measured", async () => {
    const registry = processRegistry();
    await measuredIn(registry);
    const families = await measuredIn(registry);
    const lag = families.filter(({ name }) => name.startsWith("nodejs_eventloop_lag_"));
    for (const { name, values } of lag) {
      for (const { value } of values) expect(value, name).toBeLessThan(60);
    }
    expect(families.map(({ name }) => name)).toContain("process_resident_memory_bytes");
  });
});
