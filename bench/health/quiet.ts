import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../test/support/load.ts";
import { row } from "../deploy/measure.ts";
import { applicationCpu, type Fixture } from "./fixture.ts";

/** Asks for health all the time while the application works well: every answer but "pass" is a false alarm. */
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
}
