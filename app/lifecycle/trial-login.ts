import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseSettings } from "../config/config.ts";
import { probe } from "../database/probe-connection.ts";
import { lookAtPath } from "../health/health-probes.ts";

/**
 * A role's new password is in Postgres a moment before it is in PgBouncer. A server connection that PgBouncer opens in that
 * moment is refused, and for `server_login_retry` (1 or 2 s in the presets) it tells every client so, the new login, too.
 */
const PATIENCE_MS = 3_000;
const EVERY_MS = 250;

/** Whether `settings` lead to a database that accepts the login, at once or in a moment. */
export async function trialLogin(settings: DatabaseSettings, logsIn = logsInNow): Promise<boolean> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await logsIn(settings))) {
    if (performance.now() > end) return false;
    await sleep(EVERY_MS);
  }
  return true;
}

async function logsInNow({ connectionString, schema }: DatabaseSettings): Promise<boolean> {
  return (await probe(connectionString, lookAtPath(schema))).ok;
}
