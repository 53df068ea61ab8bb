import autocannon from "autocannon";
import { API_TOKEN } from "../../test/support/app-process.ts";
import { alternate, median, ratio, row } from "../deploy/measure.ts";
import { applicationCpu, askForHealth, type Fixture, HEALTH_CALLS_PER_SECOND } from "./fixture.ts";

const ROUNDS = 5;
const ROUND_SECONDS = 5;

/** What asking for health costs those who ask, and the main load. */
export async function cost(fixture: Fixture): Promise<void> {
  await askForHealth(fixture, 2); // warm
  const before = applicationCpu(fixture);
  const { latency, non2xx, errors, requests } = await askForHealth(fixture, 2 * ROUND_SECONDS);
  const cpu = (applicationCpu(fixture) - before) / requests.total;
  row(`health p50 at ${HEALTH_CALLS_PER_SECOND} calls/s`, `${latency.p50} ms`);
  row("  p99", `${latency.p99} ms`, "goal <= 5 ms");
  row("  answers other than pass or warn", String(non2xx + errors), "goal 0");
  row("  the application's CPU per call, looks included", `${cpu.toFixed(2)} ms`);

  const rounds = await alternate(
    ROUNDS,
    async () => (await Promise.all([mainLoad(fixture), askForHealth(fixture, ROUND_SECONDS)]))[0],
    () => mainLoad(fixture),
  );
  row("main load with / without health calls", ratio(rounds), "goal >= 0.98");
  row("  without", `${median(rounds.b).toFixed(0)} requests/s`);
}

/** Requests a second of the main load. */
async function mainLoad({ app }: Fixture): Promise<number> {
  const result = await autocannon({
    url: `${app.url}/api/sessions?limit=5`,
    headers: { authorization: `Bearer ${API_TOKEN}` },
    connections: 10,
    duration: ROUND_SECONDS,
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx + result.errors} requests failed`);
  }
  return result.requests.total / result.duration;
}
