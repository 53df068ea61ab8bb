import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { budgetOf } from "../../infra/budget/budget.ts";
import { total } from "../../infra/budget/check.ts";
import { applicationPools, probingCopies } from "../../infra/budget/client-checks.ts";
import { roles } from "../../infra/names.ts";
import { databaseName, jobsName, pathOf, type Sample } from "./draw.ts";
import { type Ports, password } from "./lane.ts";

/** What people would see in production; the words are those of PgBouncer and Postgres. */
const symptomTexts = {
  "no more connections allowed": /no more connections allowed|client_conn/,
  "too many clients already": /too many clients already/,
  "remaining connection slots": /remaining connection slots/,
  "too many connections for role": /too many connections for role/,
  query_wait_timeout: /query_wait_timeout/,
} as const;
export type Symptom = keyof typeof symptomTexts;

/** Longer than PgBouncer takes to open every pool with its reserve. */
const longTransactionMs = 700;
/** Longer than query_wait_timeout (1.2 s), PgBouncer's granularity of a third of a second included. */
const queueingMs = 2000;

/** Connects everyone whom the account counts, lets them all work at once, and returns what went wrong. */
export async function loadOf(sample: Sample, ports: Ports): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const note = (error: unknown) => seen.add(symptomOf(error));
  const opened: pg.Client[] = [];
  const pools: pg.Pool[] = [];
  const ended = new Set<pg.Client>();
  let isMeasuring = false;
  const via = (user: string, database: string, port = ports.pgbouncer) => ({
    host: "127.0.0.1",
    port,
    user,
    password,
    database,
  });
  const open = async (config: pg.ClientConfig): Promise<pg.Client | undefined> => {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 15_000 });
    client.on("error", (error) => {
      if (isMeasuring) note(error);
    });
    client.on("end", () => ended.add(client));
    try {
      await client.connect();
      opened.push(client);
      return client;
    } catch (error) {
      note(error);
      return undefined;
    }
  };
  const { input, deployment } = sample;
  const path = pathOf(sample);
  const probing = probingCopies(path);
  const { checks } = budgetOf(input, deployment).budget;
  const consoles =
    probing * deployment.probeConsoles + deployment.observeConnections + deployment.containerChecks;
  const others = Number(input.budget.otherClients ?? 0);
  const limit = Number(input.overrides.connectionLimit);
  try {
    const [consolePort, clientPort] = [spread(sample, ports), spread(sample, ports)];
    // The console does not refuse anybody, but whoever is on it takes a place.
    await Promise.all([
      ...Array.from({ length: consoles }, () => open(via(roles.monitor, "pgbouncer", consolePort()))),
      ...Array.from({ length: deployment.deployConsoles }, () =>
        open(via(roles.admin, "pgbouncer", consolePort())),
      ),
    ]);
    const probes = probing * deployment.probeClients + others - sample.jobsClients;
    const places = Array.from({ length: probes }, () => via(roles.app, databaseName, clientPort()));
    for (let index = 0; index < applicationPools(path); index++) {
      const each = Map.groupBy(Array.from({ length: limit }, clientPort), (port) => port);
      for (const [port, { length: max }] of each) {
        const place = via(roles.app, databaseName, port);
        const pool = new pg.Pool({ ...place, max, connectionTimeoutMillis: 15_000 });
        pool.on("error", (error) => {
          if (isMeasuring) note(error);
        });
        pools.push(pool);
      }
    }
    places.push(...Array.from({ length: sample.jobsClients }, () => via(roles.app, jobsName, clientPort())));
    const singles = await Promise.all(places.map(async (place) => ({ place, client: await open(place) })));
    const workers = () => [
      ...singles.flatMap(({ client }) => (client === undefined ? [] : [client])),
      ...pools.flatMap((pool) => Array.from({ length: pool.options.max }, () => pool)),
    ];
    const work = (milliseconds: number, report: (error: unknown) => void) =>
      Promise.all(
        workers().map((worker) => worker.query("SELECT pg_sleep($1)", [milliseconds / 1000]).catch(report)),
      );

    // Everyone in a long transaction: every pool grows to its size and opens its reserve. Waiting is no symptom here,
    // and who was dropped for it comes back.
    await work(longTransactionMs, (error) => {
      if (!["query_wait_timeout", "after"].includes(symptomOf(error))) note(error);
    });
    await sleep(50);
    isMeasuring = true;
    for (const single of singles) {
      if (single.client !== undefined && ended.has(single.client)) single.client = await open(single.place);
    }
    // Everyone else at Postgres, abandoned backends as connections of the application's role.
    const [pooled, abandoned, ...direct] = checks.find(({ id }) => id === "postgres-connections")?.left ?? [];
    if (pooled === undefined || abandoned === undefined)
      throw new Error("the account has no postgres-connections");
    const past = (user: string) => ({
      host: "127.0.0.1",
      port: ports.postgres,
      user,
      password,
      database: databaseName,
    });
    const [monitors, ...owners] = direct;
    for (let index = 0; index < abandoned.value; index++) await open(past(roles.app));
    for (let index = 0; index < (monitors?.value ?? 0); index++) await open(past(roles.monitor));
    for (let index = 0; index < total(owners); index++) await open(past(roles.owner));

    // Transactions as long as the configuration says, back to back.
    const milliseconds = Number(input.budget.transactionMilliseconds);
    const deadline = Date.now() + queueingMs;
    while (Date.now() < deadline) await workAsOne(workers(), milliseconds, deadline, note);
    return seen;
  } finally {
    await Promise.all([
      ...pools.map((pool) => pool.end()),
      ...opened.map((client) => client.end().catch(() => {})),
    ]);
    await sleep(50);
  }
}

/** With a peer, clients are spread over both PgBouncers: the next one's port. */
function spread({ firstShare }: Sample, { pgbouncer, peer }: Ports): () => number {
  let count = 0;
  return () => {
    count += 1;
    return Math.floor(count * firstShare) > Math.floor((count - 1) * firstShare) ? pgbouncer : peer;
  };
}

/** Every worker on its own: one transaction after the other until the deadline. */
async function workAsOne(
  workers: readonly (pg.Client | pg.Pool)[],
  milliseconds: number,
  deadline: number,
  note: (error: unknown) => void,
): Promise<void> {
  await Promise.all(
    workers.map(async (worker) => {
      let failures = 0;
      while (Date.now() < deadline && failures < 2) {
        try {
          await worker.query("SELECT pg_sleep($1)", [milliseconds / 1000]);
        } catch (error) {
          note(error);
          failures += 1;
        }
      }
    }),
  );
}

function symptomOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const known = Object.entries(symptomTexts).find(([, text]) => text.test(message));
  // What a broken connection says afterwards is no symptom of its own.
  if (/Connection terminated|not queryable|closed|ECONNRESET/.test(message)) return "after";
  return known?.[0] ?? message;
}
