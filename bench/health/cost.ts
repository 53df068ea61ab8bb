import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import { API_TOKEN } from "../../test/support/app-process.ts";
import { alternate, meanRatio, median, type Pair, row } from "../deploy/measure.ts";
import { applicationCpu, askForHealth, type Fixture, HEALTH_CALLS_PER_SECOND } from "./fixture.ts";
import { openPage } from "./open-page.ts";

/** Of the endpoint by itself. */
const ENDPOINT_SECONDS = 10;
/** Of the main load: short, so that neighbours see the same machine, and many. */
const ROUND_SECONDS = 2;
/** What is beside the main load begins so long before a round: asking and watching are measured, not how they begin. */
const SETTLE_SECONDS = 1;
const MS = 1000;

/** What asking for health costs those who ask, and the main load, over so many pairs of rounds. */
export async function cost(fixture: Fixture, rounds: number): Promise<void> {
  process.stdout.write(
    `The load generator, the caller, the application, PgBouncer and Postgres share ${availableParallelism()} cores: what one of\n` +
      "them takes, the others lack. So requests/s with and without say what all of it costs this machine, the caller\n" +
      "included, and move with whatever else it does; the application's CPU per request says what health costs the\n" +
      "application. Nothing is subtracted: /livez, which does nothing, is measured in the same way beside them.\n\n",
  );
  await endpoint(fixture);
  const besides: readonly Beside[] = [
    { what: `${HEALTH_CALLS_PER_SECOND} calls/s of health`, around: askDuring, goal: "goal >= 0.98" },
    {
      what: `${HEALTH_CALLS_PER_SECOND} calls/s of /livez`,
      around: (during, round) => askDuring(during, round, "/livez"),
      goal: "control: no answer costs less",
    },
    { what: "the page open", around: watchDuring, goal: "goal >= 0.98" },
  ];
  for (const beside of besides) await mainLoadWith(fixture, beside, rounds);
}

/** The endpoint by itself: how long an answer takes, and what it takes. */
async function endpoint(fixture: Fixture): Promise<void> {
  await askForHealth(fixture, 2); // warm
  const cpu = [applicationCpu(fixture)];
  await sleep(ENDPOINT_SECONDS * MS);
  cpu.push(applicationCpu(fixture));
  const { milliseconds, refused, cpuMs } = await askForHealth(fixture, ENDPOINT_SECONDS);
  cpu.push(applicationCpu(fixture));
  const [start = 0, quiet = 0, asked = 0] = cpu;
  const perCall = (totalMs: number) => `${(totalMs / milliseconds.length).toFixed(2)} ms`;
  const at = (share: number) =>
    `${(milliseconds[Math.floor(share * milliseconds.length)] ?? 0).toFixed(1)} ms`;
  row(`health p50 at ${HEALTH_CALLS_PER_SECOND} calls/s`, at(0.5));
  row("  p99", at(0.99), "goal <= 5 ms");
  row("  answers other than pass or warn", String(refused), "goal 0");
  row("  the application's CPU per call, looks included", perCall(asked - quiet - (quiet - start)));
  row("  the caller's CPU per call", perCall(cpuMs));
}

/** A round of the main load; says how many requests a second it served. */
type Round = () => Promise<number>;

interface Beside {
  readonly what: string;
  /** Runs a round with something beside it. */
  readonly around: (fixture: Fixture, round: Round) => Promise<number>;
  readonly goal: string;
}

/** The main load with and without something beside it. */
async function mainLoadWith(fixture: Fixture, { what, around, goal }: Beside, rounds: number): Promise<void> {
  const cpu: Pair = { a: [], b: [] };
  const roundOf = (side: keyof Pair) => async () => {
    await sleep(SETTLE_SECONDS * MS);
    const before = applicationCpu(fixture);
    const requests = await mainLoad(fixture);
    cpu[side].push((applicationCpu(fixture) - before) / (requests / 1000));
    return requests / ROUND_SECONDS;
  };
  const throughput = await alternate(rounds, () => around(fixture, roundOf("a")), roundOf("b"));
  row(`application's CPU per 1,000 main requests, with ${what}`, `${median(cpu.a).toFixed(0)} ms`);
  row("  without", `${median(cpu.b).toFixed(0)} ms`);
  row("  with / without", meanRatio(cpu));
  row(`main load's requests/s, with / without ${what}`, meanRatio(throughput), goal);
  row("  without", `${median(throughput.b).toFixed(0)} requests/s`);
}

/** Somebody asks for health, or another `route`, during a round. */
async function askDuring(fixture: Fixture, round: Round, route?: string): Promise<number> {
  const [requests] = await Promise.all([
    round(),
    askForHealth(fixture, SETTLE_SECONDS + ROUND_SECONDS, route),
  ]);
  return requests;
}

/** Somebody watches the page during a round. */
async function watchDuring({ app }: Fixture, round: Round): Promise<number> {
  const page = await openPage(app);
  const requests = await round();
  if ((await page.close()) === 0) throw new Error("the page's stream sent nothing");
  return requests;
}

/** Requests of the main load in a round. */
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
  return result.requests.total;
}
