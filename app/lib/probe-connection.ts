import { Socket } from "node:net";
import pg from "pg";
import { classifyProbeError, type ProbeFailure } from "./probe-errors.ts";

/** What a probe saw, or why it saw nothing. */
export type ProbeResult<Report> =
  | { readonly ok: true; readonly report: Report; readonly time: string }
  | { readonly ok: false; readonly failure: ProbeFailure; readonly time: string };

/** Shown in pg_stat_activity and SHOW CLIENTS instead of the pool's name. */
export const PROBE_APPLICATION_NAME = "poolkit-health";

/**
 * Opens one connection of its own (never the pool's: an exhausted pool must not blind the one who reports it), runs
 * `look` on it and closes it, all within `deadlineMs`. Never rejects. A fresh login each time is deliberate: it sees
 * what the application's next connection will see, also after a rotated password or a full PgBouncer.
 */
export async function probe<Report>(
  connectionString: string,
  deadlineMs: number,
  look: (client: pg.Client) => Promise<Report>,
): Promise<ProbeResult<Report>> {
  // The socket is ours so that the deadline can cut it: client.end() waits for a frozen peer without end.
  const socket = new Socket();
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error("timeout"));
    socket.destroy();
  }, deadlineMs);
  const visit = async (): Promise<Report> => {
    const client = new pg.Client({
      connectionString,
      application_name: PROBE_APPLICATION_NAME,
      stream: () => socket,
    });
    // An error between two queries is also the next query's error; without a listener it would end the process.
    client.on("error", () => {});
    await client.connect();
    const report = await look(client);
    client.end().catch(() => {});
    return report;
  };
  try {
    const report = await Promise.race([visit(), deadline]);
    return { ok: true, report, time: new Date().toISOString() };
  } catch (error) {
    socket.destroy();
    return { ok: false, failure: classifyProbeError(error), time: new Date().toISOString() };
  } finally {
    clearTimeout(timer);
  }
}

/** Time in which a trial of the circuit breaker has to get through. */
const TRIAL_DEADLINE_MS = 1200;
/** Failures that say the way is broken; any other answer comes from a database that is there. */
const BROKEN_WAY: readonly ProbeFailure[] = ["dns", "unreachable", "timeout", "upstream_down"];

/** True when a query gets through, or is refused by somebody who is there. */
export async function isReachable(connectionString: string): Promise<boolean> {
  const result = await probe(connectionString, TRIAL_DEADLINE_MS, (client) => client.query("SELECT 1"));
  return result.ok || !BROKEN_WAY.includes(result.failure);
}

/** Runs `query` and says how many milliseconds it took, to a tenth. */
export async function timed(query: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await query();
  return Math.round((performance.now() - start) * 10) / 10;
}
