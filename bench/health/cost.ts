import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import { API_TOKEN } from "../../test/support/app-process.ts";
import { alternate, median, ratio, row } from "../deploy/measure.ts";
import { applicationCpu, askForHealth, type Fixture, HEALTH_CALLS_PER_SECOND } from "./fixture.ts";
import { openPage } from "./open-page.ts";

const ROUNDS = 8;
const ROUND_SECONDS = 5;

/** What asking for health costs those who ask, and the main load. */
export async function cost(fixture: Fixture): Promise<void> {
  await askForHealth(fixture, 2); // warm
  const cpu = [applicationCpu(fixture)];
  await sleep(2 * ROUND_SECONDS * 1000);
  cpu.push(applicationCpu(fixture));
  const { milliseconds, refused } = await askForHealth(fixture, 2 * ROUND_SECONDS);
  cpu.push(applicationCpu(fixture));
  const [start = 0, quiet = 0, asked = 0] = cpu;
  const each = (asked - quiet - (quiet - start)) / milliseconds.length;
  const at = (share: number) =>
    `${(milliseconds[Math.floor(share * milliseconds.length)] ?? 0).toFixed(1)} ms`;
  row(`health p50 at ${HEALTH_CALLS_PER_SECOND} calls/s`, at(0.5));
  row("  p99", at(0.99), "goal <= 5 ms");
  row("  answers other than pass or warn", String(refused), "goal 0");
  row("  the application's CPU per call, looks included", `${each.toFixed(2)} ms`);

  const ask = (route?: string) => () => askForHealth(fixture, ROUND_SECONDS, route);
  const besides = [
    { what: `${HEALTH_CALLS_PER_SECOND} calls/s of health`, work: ask(), goal: "goal >= 0.98" },
    { what: "the page open", work: () => watch(fixture), goal: "goal >= 0.98" },
    {
      what: `${HEALTH_CALLS_PER_SECOND} calls/s of /livez`,
      work: ask("/livez"),
      goal: "which does nothing: no answer costs less",
    },
  ];
  for (const { what, work, goal } of besides) {
    const rounds = await alternate(
      ROUNDS,
      async () => (await Promise.all([mainLoad(fixture), work()]))[0],
      () => mainLoad(fixture),
    );
    row(`main load with / without ${what}`, ratio(rounds), goal);
    row("  without", `${median(rounds.b).toFixed(0)} requests/s`);
  }
}

/** Somebody watches the page for a round. */
async function watch({ app }: Fixture): Promise<void> {
  const page = await openPage(app);
  await sleep(ROUND_SECONDS * 1000);
  if ((await page.close()) === 0) throw new Error("the page's stream sent nothing");
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
