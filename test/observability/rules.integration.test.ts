import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type Preset, presetNames, presets } from "../../infra/presets.ts";
import { rulesYaml } from "../../observability/config.ts";
import { alertRules, type PoolSizes, type Sizes } from "../../observability/rules.ts";
import { engineAvailable } from "../support/postgres18.ts";
import { promtool } from "../support/promtool.ts";

/** Samples of a series, one each 15 s. */
interface Series {
  readonly series: string;
  readonly values: string;
}

/** Values in which an alert fires, and the nearest ones in which it must not. */
interface Case {
  readonly fires: readonly Series[];
  /** Where it fires for two reasons: the other one. */
  readonly firesToo?: readonly Series[];
  readonly quiet: readonly Series[];
}

const labelsOf = (database: string) => `{job="pgbouncer",database="${database}",user="poolkit_app"}`;
const pool = labelsOf("poolkit");
const one = (series: string) => (value: number | string) => [{ series, values: `${value}x80` }];

function casesOf(preset: Preset): Record<string, Case> {
  const sizes = poolOf(preset);
  // Of another PgBouncer and another Postgres, which somebody has Prometheus ask, too: the sizes are not theirs.
  const foreign = (metric: string, value: number) =>
    one(`${metric}{job="reports",database="reports"}`)(value);
  const waiting = (values: string) => [
    { series: `pgbouncer_pools_client_waiting_connections${pool}`, values },
    ...foreign("pgbouncer_pools_client_waiting_connections", 1000),
  ];
  // Those of one application for whom the pool has no connection.
  const mostWaiting = preset.connectionLimit - preset.poolSize;
  const active = one(`pgbouncer_pools_server_active_connections${pool}`);
  const wait = one(`pgbouncer_pools_client_maxwait_seconds${pool}`);
  const connections = (used: number) => [
    ...one('pg_stat_activity_count{job="postgres",datname="poolkit",state="idle"}')(used - 2),
    ...one('pg_stat_activity_count{job="postgres",datname="postgres",state="active"}')(2),
    ...one('pg_settings_max_connections{job="postgres"}')(100),
    ...foreign("pg_stat_activity_count", 90),
    ...foreign("pg_settings_max_connections", 1000),
  ];
  // As the exporter shows waits: in whole seconds.
  const half = Math.ceil(sizes.queryWaitTimeoutSeconds / 2);
  const waits = (values: string) => [{ series: `pgbouncer_pools_client_maxwait_seconds${pool}`, values }];
  const nearlyFull = Math.floor(0.9 * sizes.poolSize);
  const isUp = (series: string, others: readonly Series[] = []) => ({
    fires: one(series)(0),
    quiet: [...one(series)(1), ...others],
  });
  // promtool's clock begins at 0.
  const expiry = one('probe_ssl_earliest_cert_expiry{job="certificate",instance="blackbox:9115"}');
  const left = (days: number) => ({
    fires: expiry(days * day - 1),
    quiet: expiry(days * day + lookAtSeconds),
  });
  // Newer exporters also tell whether the latest backup of a type was made block by block.
  const sinceBackup = (full: number, incremental: number) => {
    const since = (labels: string) =>
      one(`pgbackrest_backup_since_last_completion_seconds{stanza="shop",${labels}}`);
    return [
      ...since('backup_type="full",block_incr="n"')(full),
      ...since('backup_type="incr",block_incr="y"')(incremental),
    ];
  };
  const backups = (stanza: number, exporter: number) => [
    ...one('pgbackrest_stanza_status{stanza="shop"}')(stanza),
    ...one('pgbackrest_exporter_status{stanza="all-stanzas"}')(exporter),
  ];
  return {
    PgBouncerClientsWaiting: {
      fires: waiting(`${mostWaiting}x80`),
      firesToo: waiting("1x80"),
      // A queue that is empty at one of the looks of five minutes.
      quiet: waiting(`${mostWaiting}x18 0 `.repeat(4)),
    },
    PgBouncerPoolSaturated: { fires: active(nearlyFull + 1), quiet: active(nearlyFull) },
    PgBouncerWaitNearTimeout: {
      fires: wait(half),
      // Seen at every other scrape, because who is cut off begins anew; and at the last two looks for the first time.
      firesToo: waits(`${half} 0 `.repeat(40)),
      quiet: waits(`${half - 1}x62 ${half}x1`),
    },
    PostgresConnectionsHigh: { fires: connections(81), quiet: connections(80) },
    PgBouncerDown: isUp('pgbouncer_up{job="pgbouncer"}', foreign("pgbouncer_up", 0)),
    PostgresDown: isUp('pg_up{job="postgres"}', foreign("pg_up", 0)),
    TargetDown: isUp('up{job="app",instance="app:3000"}'),
    CertificateExpiresSoon: left(30),
    CertificateNearlyExpired: left(7),
    ProbeFailed: isUp('probe_success{job="certificate",instance="blackbox:9115"}'),
    BackupOverdue: {
      fires: sinceBackup(6 * day, 26 * hour + 1),
      quiet: sinceBackup(6 * day, 26 * hour),
    },
    BackupMissing: { fires: backups(2, 1), firesToo: backups(0, 0), quiet: backups(0, 1) },
    CircuitBreakerOpen: {
      // Opened and closed again between two scrapes; and opened long ago, on trial at most scrapes.
      fires: [
        { series: "poolkit_circuit_opened_total", values: "0x6 1x60" },
        ...one('poolkit_circuit_state{state="open"}')(0),
      ],
      firesToo: [
        ...one("poolkit_circuit_opened_total")(1),
        { series: 'poolkit_circuit_state{state="open"}', values: "1 0 0 0 1 0 0 0 1 0 0 0x60" },
      ],
      quiet: [
        ...one("poolkit_circuit_opened_total")(7),
        ...one('poolkit_circuit_state{state="open"}')(0),
        ...one('poolkit_circuit_state{state="closed"}')(1),
      ],
    },
    ConnectionLeak: {
      fires: one("poolkit_pool_overdue_connections")(1),
      quiet: one("poolkit_pool_overdue_connections")(0),
    },
    PoolTimeouts: {
      fires: [{ series: "db_client_connection_timeouts_total", values: "0 0 0 0 1x60" }],
      quiet: one("db_client_connection_timeouts_total")(7),
    },
  };
}

const hour = 3_600;
const day = 24 * hour;

/** When each alert with a case must be there: after the longest `for`, 15 minutes. */
const lookAtSeconds = 960;
/** These two look at what has just happened. */
const isMomentary = (alert: string) => alert === "CircuitBreakerOpen" || alert === "PoolTimeouts";

/** As the stack's Prometheus labels what it scrapes; the dashboard finds alerts by it, so none may lose it. */
const ofStack = ({ series, values }: Series): Series => {
  const [name, labels = ""] = series.split(/[{}]/);
  return { series: `${name}{${[labels, 'stack="shop"'].filter(Boolean).join(",")}}`, values };
};

/** promtool's own test file: each case alone, every alert counted by name. */
function testFile(rules: string, cases: Readonly<Record<string, Case>>): string {
  const expectation = (name: string, alert: string, series: readonly Series[], count: number) => ({
    name,
    interval: "15s",
    input_series: series.map(ofStack),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing",stack="shop"}) or vector(0)`,
        eval_time: isMomentary(alert) ? "2m" : `${lookAtSeconds}s`,
        exp_samples: [{ labels: "{}", value: count }],
      },
    ],
  });
  return stringify({
    rule_files: [rules],
    evaluation_interval: "15s",
    tests: Object.entries(cases).flatMap(([alert, { fires, firesToo = fires, quiet }]) => [
      expectation(`${alert} fires`, alert, fires, 1),
      expectation(`${alert} fires too`, alert, firesToo, 1),
      expectation(`${alert} keeps quiet`, alert, quiet, 0),
    ]),
  });
}

function poolOf({ queryWaitTimeoutSeconds, poolTimeoutSeconds, poolSize }: Preset): PoolSizes {
  const pool = { database: "poolkit", user: "poolkit_app" };
  return { ...pool, queryWaitTimeoutSeconds, poolTimeoutSeconds, poolSize };
}

const only = (pool: PoolSizes): Sizes => ({ pools: [pool], hasApplicationMetrics: true });

/** An entry beside the application's, smaller and more patient; the application's own is quiet up to its own limits. */
const jobs: PoolSizes = {
  database: "jobs",
  user: "poolkit_app",
  poolSize: 3,
  queryWaitTimeoutSeconds: 60,
  poolTimeoutSeconds: 0,
};

function casesBeside(application: PoolSizes): Record<string, Case> {
  const both = (metric: string, ofJobs: number, ofApplication: number) => [
    ...one(`${metric}${labelsOf("jobs")}`)(ofJobs),
    ...one(`${metric}${pool}`)(ofApplication),
  ];
  const waiting = "pgbouncer_pools_client_waiting_connections";
  const active = "pgbouncer_pools_server_active_connections";
  const wait = "pgbouncer_pools_client_maxwait_seconds";
  const { queryWaitTimeoutSeconds } = application;
  return {
    PgBouncerClientsWaiting: {
      fires: both(waiting, 1, 0),
      firesToo: both(waiting, 0, 1),
      quiet: both(waiting, 0, 0),
    },
    PgBouncerPoolSaturated: {
      fires: both(active, 3, 13),
      firesToo: both(active, 2, 14),
      quiet: both(active, 2, 13),
    },
    PgBouncerWaitNearTimeout: {
      fires: both(wait, 30, 0),
      firesToo: both(wait, 0, Math.ceil(queryWaitTimeoutSeconds / 2)),
      quiet: both(wait, 29, Math.ceil(queryWaitTimeoutSeconds / 2) - 1),
    },
  };
}

describe.skipIf(!(await engineAvailable()))("the alerts", () => {
  it("fire where they should and nowhere else, with every preset", async () => {
    const files = presetNames.map((preset): [string, string][] => {
      const sizes = poolOf(presets[preset]);
      const rules = alertRules(only(sizes));
      const cases = casesOf(presets[preset]);
      expect(Object.keys(cases).sort()).toEqual(rules.map(({ alert }) => alert).sort());
      return [
        [`${preset}.rules.yml`, rulesYaml(rules)],
        [`${preset}.cases.yml`, testFile(`${preset}.rules.yml`, cases)],
      ];
    });
    const all = Object.fromEntries(files.flat());
    const caseFiles = Object.keys(all).filter((name) => name.endsWith(".cases.yml"));
    const ruleFiles = Object.keys(all).filter((name) => name.endsWith(".rules.yml"));
    const tested = await promtool(["test", "rules", ...caseFiles], { files: all });
    expect(tested.code, tested.text).toBe(0);
    const linted = await promtool(["check", "rules", "--lint=all", "--lint-fatal", ...ruleFiles], {
      files: all,
    });
    expect(linted.code, linted.text).toBe(0);
  });

  it("of a second entry follow its own size and timeout", async () => {
    const application = poolOf(presets.prod);
    const rules = alertRules({ pools: [application, jobs], hasApplicationMetrics: true });
    const files = {
      "jobs.rules.yml": rulesYaml(rules),
      "cases.yml": testFile("jobs.rules.yml", { ...casesOf(presets.prod), ...casesBeside(application) }),
    };
    const tested = await promtool(["test", "rules", "cases.yml"], { files });
    expect(tested.code, tested.text).toBe(0);
    const linted = await promtool(["check", "rules", "--lint=all", "--lint-fatal", "jobs.rules.yml"], {
      files,
    });
    expect(linted.code, linted.text).toBe(0);
  });

  it("are those of another preset when the thresholds do not follow it", async () => {
    const rules = alertRules(only(poolOf(presets.prod)));
    const cases = casesOf(presets["high-load"]);
    const files = {
      "prod.rules.yml": rulesYaml(rules),
      "cases.yml": testFile("prod.rules.yml", cases),
    };
    const { code, text } = await promtool(["test", "rules", "cases.yml"], { files });
    expect(code).not.toBe(0);
    expect(text).toMatch(/PgBouncerPoolSaturated/);
  });
});
