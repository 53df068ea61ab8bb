import { describe, expect, it } from "vitest";
import { alertRules, type PoolSizes, type Sizes } from "../../observability/rules.ts";

const pool: PoolSizes = {
  database: "poolkit",
  user: "poolkit_app",
  queryWaitTimeoutSeconds: 5,
  poolTimeoutSeconds: 10,
  poolSize: 15,
};
const prod: Sizes = { pools: [pool], hasApplicationMetrics: true };
const withPool = (values: Partial<PoolSizes>): Sizes => ({ ...prod, pools: [{ ...pool, ...values }] });
const expressions = (sizes: Sizes) =>
  new Map(alertRules(sizes).map(({ alert, expr }): [string, string] => [alert, expr]));

describe("the alerts' thresholds", () => {
  it("follow PgBouncer's timeout and pool", () => {
    const rules = expressions(prod);
    expect(rules.get("PgBouncerWaitNearTimeout")).toMatch(/>= 3$/);
    expect(rules.get("PgBouncerPoolSaturated")).toMatch(/\/ 15 > 0\.9$/);
  });

  it("take the application's timeout where PgBouncer lets clients wait without end", () => {
    const rules = expressions(withPool({ queryWaitTimeoutSeconds: 0 }));
    expect(rules.get("PgBouncerWaitNearTimeout")).toMatch(/>= 5$/);
  });

  it("can be reached by what the exporter shows of a wait: whole seconds, less than the timeout", () => {
    for (const queryWaitTimeoutSeconds of [2, 3, 4]) {
      const threshold = />= (\d+)$/.exec(
        expressions(withPool({ queryWaitTimeoutSeconds })).get("PgBouncerWaitNearTimeout") ?? "",
      )?.[1];
      expect(Number(threshold)).toBeLessThan(queryWaitTimeoutSeconds);
    }
    const rules = expressions(withPool({ queryWaitTimeoutSeconds: 1 }));
    expect([...rules.keys()]).not.toContain("PgBouncerWaitNearTimeout");
  });

  it("are each pool's own, and that of a wait is left out where nothing ends it", () => {
    const jobs = {
      ...pool,
      database: "jobs",
      poolSize: 3,
      queryWaitTimeoutSeconds: 0,
      poolTimeoutSeconds: 0,
    };
    const rules = alertRules({ ...prod, pools: [pool, jobs] });
    const ofJobs = rules.filter(({ labels }) => labels.database === "jobs");
    expect(ofJobs.map(({ alert }) => alert)).toEqual(["PgBouncerClientsWaiting", "PgBouncerPoolSaturated"]);
    expect(ofJobs.map(({ expr }) => expr)).toEqual([
      'pgbouncer_pools_client_waiting_connections{job="pgbouncer",database="jobs",user="poolkit_app"} > 0',
      'pgbouncer_pools_server_active_connections{job="pgbouncer",database="jobs",user="poolkit_app"} / 3 > 0.9',
    ]);
    expect(rules.slice(0, 3)).toEqual(alertRules(prod).slice(0, 3));
  });

  it("leave out what has no limit, and an application that shows no metrics", () => {
    const rules = expressions({ ...withPool({ poolSize: 0 }), hasApplicationMetrics: false });
    expect([...rules.keys()].sort()).toEqual([
      "BackupMissing",
      "BackupOverdue",
      "CertificateExpiresSoon",
      "CertificateNearlyExpired",
      "PgBouncerClientsWaiting",
      "PgBouncerDown",
      "PgBouncerWaitNearTimeout",
      "PostgresConnectionsHigh",
      "PostgresDown",
      "ProbeFailed",
      "TargetDown",
    ]);
  });
});
