import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../test/support/load.ts";
import { row } from "../deploy/measure.ts";
import { applicationCpu, type Fixture } from "./fixture.ts";

/**
 * Asks for health all the time while the application works well: every answer but "pass" is a false alarm. Exit code 1
 * after one, or after a request that failed: then the application did not work well, and the figures say nothing.
 */
export async function quiet(fixture: Fixture, minutes: number): Promise<void> {
  const { app } = fixture;
  const load = startLoad(20, () => app.get("/api/sessions?limit=5"));
  const alarms: string[] = [];
  let asked = 0;
  const before = applicationCpu(fixture);
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) {
    const { status, cause, output } = await app.health();
    asked += 1;
    if (status !== "pass") alarms.push(`${new Date().toISOString()} ${status} ${cause}: ${output}`);
    await sleep(500);
  }
  const { succeeded, failures } = await load.stop();
  row(`false alarms in ${minutes} min under load`, `${alarms.length} of ${asked} answers`, "goal 0");
  row("  requests served / failed", `${succeeded} / ${failures.length}`);
  row(
    "  share of a core that the application took",
    ((applicationCpu(fixture) - before) / (minutes * 60_000)).toFixed(2),
  );
  for (const alarm of alarms) row("  alarm", alarm);
  for (const [what, times] of countsOf(failures)) row("  failed request", `${what} (${times} times)`);
  if (alarms.length + failures.length > 0) process.exitCode = 1;
}

function countsOf(failures: readonly string[]): [string, number][] {
  return [...Map.groupBy(failures, (failure) => failure)].map(([what, all]) => [what, all.length]);
}
