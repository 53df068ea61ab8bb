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

/** Who can be given a statement. */
type Worker = pg.Client | pg.Pool;

/** A login as one of the roles. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const placeAt = (port: number, user: string, database: string): Place => ({
  host: "127.0.0.1",
  port,
  user,
  password,
  database,
});

/** Everyone who connects, and what went wrong for them. */
class Crowd {
  readonly seen = new Set<string>();
  readonly #clients: pg.Client[] = [];
  readonly #pools: pg.Pool[] = [];
  readonly #ended = new Set<pg.Client>();
  #isMeasuring = false;

  get pools(): readonly pg.Pool[] {
    return this.#pools;
  }

  readonly note = (error: unknown): void => {
    this.seen.add(symptomOf(error));
  };

  /** From now on a connection that breaks while nobody uses it is a symptom, too. */
  measure(): void {
    this.#isMeasuring = true;
  }

  /** One connection; undefined where it was refused, which is noted. */
  async open(place: Place): Promise<pg.Client | undefined> {
    const client = new pg.Client({ ...place, connectionTimeoutMillis: 15_000 });
    client.on("error", this.#noteBroken);
    client.on("end", () => this.#ended.add(client));
    try {
      await client.connect();
      this.#clients.push(client);
      return client;
    } catch (error) {
      this.note(error);
      return undefined;
    }
  }

  hasEnded(client: pg.Client): boolean {
    return this.#ended.has(client);
  }

  openPool(place: Place, max: number): void {
    const pool = new pg.Pool({ ...place, max, connectionTimeoutMillis: 15_000 });
    pool.on("error", this.#noteBroken);
    this.#pools.push(pool);
  }

  async leave(): Promise<void> {
    await Promise.all([
      ...this.#pools.map((pool) => pool.end()),
      ...this.#clients.map((client) => client.end().catch(() => {})),
    ]);
  }

  readonly #noteBroken = (error: unknown): void => {
    if (this.#isMeasuring) this.note(error);
  };
}

/** Connects everyone whom the account counts, lets them all work at once, and returns what went wrong. */
export async function loadOf(sample: Sample, ports: Ports): Promise<ReadonlySet<string>> {
  const crowd = new Crowd();
  try {
    const clientPort = spread(sample, ports);
    await openConsoles(crowd, sample, ports);
    const placesOn = (database: string, count: number) =>
      Array.from({ length: count }, () => placeAt(clientPort(), roles.app, database));
    const places = placesOn(databaseName, unpooledClients(sample));
    openPools(crowd, sample, clientPort);
    places.push(...placesOn(jobsName, sample.jobsClients));
    const singles = await Promise.all(
      places.map(async (place) => ({ place, client: await crowd.open(place) })),
    );
    const workers = () => [
      ...singles.flatMap(({ client }) => (client === undefined ? [] : [client])),
      ...crowd.pools.flatMap((pool) => Array.from({ length: pool.options.max }, () => pool)),
    ];
    await growPools(workers(), crowd.note);
    await sleep(50);
    crowd.measure();
    for (const single of singles) {
      if (single.client !== undefined && crowd.hasEnded(single.client)) {
        single.client = await crowd.open(single.place);
      }
    }
    await openDirect(crowd, sample, ports);
    // Transactions as long as the configuration says, back to back.
    const milliseconds = Number(sample.input.budget.transactionMilliseconds);
    const deadline = Date.now() + queueingMs;
    while (Date.now() < deadline) await workAsOne(workers(), milliseconds, deadline, crowd.note);
    return crowd.seen;
  } finally {
    await crowd.leave();
    await sleep(50);
  }
}

/** The console does not refuse anybody, but whoever is on it takes a place. */
async function openConsoles(crowd: Crowd, sample: Sample, ports: Ports): Promise<void> {
  const { deployment } = sample;
  const probing = probingCopies(pathOf(sample));
  const consoles =
    probing * deployment.probeConsoles + deployment.observeConnections + deployment.containerChecks;
  const port = spread(sample, ports);
  const openAs = (user: string) => () => crowd.open(placeAt(port(), user, "pgbouncer"));
  await Promise.all([
    ...Array.from({ length: consoles }, openAs(roles.monitor)),
    ...Array.from({ length: deployment.deployConsoles }, openAs(roles.admin)),
  ]);
}

/** The application's pools; one whose clients are spread over two PgBouncers is two. */
function openPools(crowd: Crowd, sample: Sample, port: () => number): void {
  const limit = Number(sample.input.overrides.connectionLimit);
  for (let index = 0; index < applicationPools(pathOf(sample)); index++) {
    const each = Map.groupBy(Array.from({ length: limit }, port), (chosen) => chosen);
    for (const [chosen, { length: max }] of each) {
      crowd.openPool(placeAt(chosen, roles.app, databaseName), max);
    }
  }
}

/** Clients of the application's entry that have no pool: probes and others. */
function unpooledClients(sample: Sample): number {
  const { input, deployment, jobsClients } = sample;
  const probes = probingCopies(pathOf(sample)) * deployment.probeClients;
  return probes + Number(input.budget.otherClients ?? 0) - jobsClients;
}

/**
 * Everyone in a long transaction: every pool grows to its size and opens its reserve. Waiting is no symptom here, and who
 * was dropped for it comes back.
 */
async function growPools(workers: readonly Worker[], note: (error: unknown) => void): Promise<void> {
  await Promise.all(
    workers.map((worker) =>
      worker.query("SELECT pg_sleep($1)", [longTransactionMs / 1000]).catch((error: unknown) => {
        if (!["query_wait_timeout", "after"].includes(symptomOf(error))) note(error);
      }),
    ),
  );
}

/** Everyone else at Postgres, abandoned backends as connections of the application's role. */
async function openDirect(crowd: Crowd, { input, deployment }: Sample, ports: Ports): Promise<void> {
  const { checks } = budgetOf(input, deployment).budget;
  const [pooled, abandoned, ...direct] = checks.find(({ id }) => id === "postgres-connections")?.left ?? [];
  if (pooled === undefined || abandoned === undefined)
    throw new Error("the account has no postgres-connections");
  const [monitors, ...owners] = direct;
  const counts = [
    [roles.app, abandoned.value],
    [roles.monitor, monitors?.value ?? 0],
    [roles.owner, total(owners)],
  ] as const;
  for (const [role, count] of counts) {
    for (let index = 0; index < count; index++) await crowd.open(placeAt(ports.postgres, role, databaseName));
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
  workers: readonly Worker[],
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
