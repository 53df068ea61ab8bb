import { expect, it } from "vitest";
import type { DatabaseSettings } from "../../../app/config/config.ts";
import { trialLogin } from "../../../app/lifecycle/trial-login.ts";

const settings: DatabaseSettings = {
  connectionString: "postgres://app:secret@gone.invalid:6432/poolkit",
  schema: "app",
  mode: "enhanced",
  connectionLimit: 5,
  acquireTimeoutSeconds: 10,
  idleTimeoutSeconds: 10,
  maxLifetimeSeconds: 60,
  transactionMaxWaitSeconds: 5,
  transactionTimeoutSeconds: 5,
  leakThresholdSeconds: 10,
  retryBudgetSeconds: 0,
};

it("tries again while PgBouncer still tells of the login that failed before", async () => {
  const answers = [false, false, true];
  const tried: DatabaseSettings[] = [];
  const logsIn = async (one: DatabaseSettings) => {
    tried.push(one);
    return answers.shift() ?? false;
  };
  expect(await trialLogin(settings, logsIn)).toBe(true);
  expect(tried).toEqual([settings, settings, settings]);
});
