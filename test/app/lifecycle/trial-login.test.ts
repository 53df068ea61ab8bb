import { expect, it } from "vitest";
import type { DatabaseSettings } from "../../../app/config/config.ts";
import { trialLogin } from "../../../app/lifecycle/trial-login.ts";
import { settings as settingsWith } from "../fixtures/fake-pool.ts";

it("tries again while PgBouncer still tells of the login that failed before", async () => {
  const settings = settingsWith(5);
  const answers = [false, false, true];
  const tried: DatabaseSettings[] = [];
  const logsIn = async (one: DatabaseSettings) => {
    tried.push(one);
    return answers.shift() ?? false;
  };
  expect(await trialLogin(settings, logsIn)).toBe(true);
  expect(tried).toEqual([settings, settings, settings]);
});
