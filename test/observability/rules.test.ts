import { describe, expect, it } from "vitest";
import { alertRules, type Sizes } from "../../observability/rules.ts";

const prod: Sizes = {
  queryWaitTimeoutSeconds: 5,
  poolTimeoutSeconds: 10,
  poolSize: 15,
  hasApplicationMetrics: true,
};
const expressions = (sizes: Sizes) =>
  new Map(alertRules(sizes).map(({ alert, expr }): [string, string] => [alert, expr]));

describe("the alerts' thresholds", () => {
  it("follow PgBouncer's timeout and pool", () => {
    const rules = expressions(prod);
    expect(rules.get("PgBouncerWaitNearTimeout")).toMatch(/> 2\.5$/);
    expect(rules.get("PgBouncerClientsWaiting")).toMatch(/> 15$/);
    expect(rules.get("PgBouncerPoolSaturated")).toMatch(/\/ 15 > 0\.9$/);
  });

  it("take the application's timeout where PgBouncer lets clients wait without end", () => {
    const rules = expressions({ ...prod, queryWaitTimeoutSeconds: 0 });
    expect(rules.get("PgBouncerWaitNearTimeout")).toMatch(/> 5$/);
  });

  it("leave out what has no limit, and an application that shows no metrics", () => {
    const rules = expressions({ ...prod, poolSize: 0, hasApplicationMetrics: false });
    expect([...rules.keys()].sort()).toEqual([
      "BackupMissing",
      "BackupOverdue",
      "CertificateExpiresSoon",
      "CertificateNearlyExpired",
      "PgBouncerDown",
      "PgBouncerWaitNearTimeout",
      "PostgresConnectionsHigh",
      "PostgresDown",
      "ProbeFailed",
      "TargetDown",
    ]);
  });
});
