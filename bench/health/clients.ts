import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KeptProbe } from "../../app/database/probe-connection.ts";
import { pgBouncerLook } from "../../app/health/health-probes.ts";
import { addressOf } from "../../test/support/app-database.ts";
import { row } from "../deploy/measure.ts";
import { askForHealth, type Fixture, poolerCpu } from "./fixture.ts";

const PROCESSES = 4;
const CONSOLE_LOOKS = 500;
const SECONDS = 10;
const LOOKS_PER_SECOND = 2;

/** What a look costs PgBouncer, with few and with `count` idle clients connected. */
export async function clients(fixture: Fixture, count: number): Promise<void> {
  await poolerTime(fixture, "few");
  const idle = await connect(await addressInside(fixture), count);
  try {
    const lists = await fixture.database.pgbouncer.console("SHOW LISTS");
    const connected = lists.find(({ list }) => list === "used_clients")?.items;
    await poolerTime(fixture, String(connected));
  } finally {
    for (const child of idle) child.kill();
    await Promise.all(idle.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")));
  }
}

async function poolerTime(fixture: Fixture, connected: string): Promise<void> {
  // The looks follow each other at once, but count as the ones that health makes: version and settings now and then.
  let nowMs = 0;
  const probe = new KeptProbe(
    60_000,
    pgBouncerLook(() => nowMs),
  );
  const look = async () => {
    nowMs += 1000 / LOOKS_PER_SECOND;
    const result = await probe.look(fixture.database.urls.console);
    if (!result.ok) throw new Error(`a look failed: ${result.failure}`);
  };
  await look(); // logs in
  const before = await poolerCpu(fixture);
  for (let looks = 0; looks < CONSOLE_LOOKS; looks++) await look();
  const each = ((await poolerCpu(fixture)) - before) / CONSOLE_LOOKS;
  row(
    `PgBouncer's CPU per look at its console, ${connected} clients`,
    `${each.toFixed(3)} ms`,
    "goal <= 0.2 ms",
  );

  const at = [await poolerCpu(fixture)];
  await sleep(SECONDS * 1000);
  at.push(await poolerCpu(fixture));
  await askForHealth(fixture, SECONDS);
  at.push(await poolerCpu(fixture));
  const [start = 0, idle = 0, asked = 0] = at;
  const whole = (asked - idle - (idle - start)) / (SECONDS * LOOKS_PER_SECOND);
  row("  all that health does there, logins included", `${whole.toFixed(3)} ms`);
}

/** The pooler's URL past the published port: Docker's proxy before that gives up at some thousand connections. */
async function addressInside({ database }: Fixture): Promise<string> {
  const url = new URL(database.urls.database);
  url.hostname = await addressOf(database.pgbouncer.container.id);
  url.port = "6432";
  return url.href;
}

/** Opens `count` clients in several processes, so that none of them runs out of descriptors. */
async function connect(connectionString: string, count: number): Promise<ChildProcess[]> {
  const script = path.join(import.meta.dirname, "idle-clients.ts");
  const children = Array.from({ length: PROCESSES }, () =>
    // By the environment: arguments of a process are there for everybody to read.
    fork(script, [String(count / PROCESSES)], {
      env: { ...process.env, IDLE_CLIENTS_URL: connectionString },
    }),
  );
  try {
    await Promise.all(
      children.map(async (child) => {
        const ended = once(child, "exit").then(() => Promise.reject(new Error("idle clients gave up")));
        await Promise.race([once(child, "message"), ended]);
        ended.catch(() => {}); // it ends later, when told to
      }),
    );
    return children;
  } catch (error) {
    for (const child of children) child.kill();
    throw error;
  }
}
