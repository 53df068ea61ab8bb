// What the application's database layer costs, as ratios measured side by side in one run:
//   npm run bench:app -- [--rounds 7] [--seconds 5] [--only route|levers|layer|import]
// Server, load generator, PgBouncer and Postgres share the machine's cores, so requests per second are noisy; the CPU
// time of the server per 1,000 requests is the steadier figure and printed beside them.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { startAppDatabase } from "../../test/support/app-database.ts";
import { median, ratio, row } from "../deploy/measure.ts";
import { compareImport } from "./importing.ts";
import { type Measured, Served } from "./served.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "5" },
    only: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const SESSIONS = 1000;
const CONNECTIONS = "10";

/** Two ways of server.ts to answer the same; `goal` is for A's requests per second as a share of B's. */
interface Comparison {
  readonly group: "route" | "levers" | "layer";
  readonly what: string;
  readonly a: string;
  readonly b: string;
  /** @default none */
  readonly goal?: string;
}

const COMPARISONS: readonly Comparison[] = [
  {
    group: "route",
    what: "GET /api/sessions/:id / pg named statement",
    a: "view",
    b: "view-pg",
    goal: ">= 0.85",
  },
  { group: "route", what: "the same by Prisma / pg named statement", a: "view-prisma", b: "view-pg" },
  { group: "route", what: "Prisma singleton / pg named statement", a: "singleton", b: "pg", goal: ">= 0.85" },
  { group: "levers", what: "findFirst / pg named statement", a: "first", b: "pg" },
  { group: "levers", what: "hot query / pg named statement", a: "hot", b: "pg", goal: ">= 0.85" },
  { group: "levers", what: "$queryRaw / pg named statement", a: "raw", b: "pg" },
  {
    group: "layer",
    what: "enhanced singleton / Prisma on a bare pool",
    a: "singleton",
    b: "bare",
    goal: ">= 0.97",
  },
];

const database = await startAppDatabase({ default_pool_size: "10", max_prepared_statements: "200" });
try {
  const ids = await database.asSuperuser(async (client) => {
    await client.query(`
      INSERT INTO app.chat_sessions (id, company_id, external_id, started_at)
      SELECT gen_random_uuid(), (SELECT id FROM app.companies LIMIT 1), 'bench-' || n, now()
      FROM generate_series(1, ${SESSIONS}) AS n`);
    await client.query(`
      INSERT INTO app.messages (id, session_id, position, role, content, sent_at)
      SELECT gen_random_uuid(), session.id, position, 'USER', 'Where is my parcel?', now()
        FROM app.chat_sessions AS session, generate_series(1, 4) AS position WHERE external_id LIKE 'bench-%'`);
    await client.query("ANALYZE");
    return (
      await client.query<{ id: string }>(
        "SELECT id FROM app.chat_sessions WHERE external_id LIKE 'bench-%' LIMIT 500",
      )
    ).rows;
  });
  const paths = ids.map(({ id }) => `/sessions/${id}`);
  const environment = {
    DATABASE_URL: database.urls.database,
    HEALTH_TOKEN: "bench-health-token-0123456789abcdef0123456789",
    API_TOKEN: "bench-api-token-0123456789abcdef0123456789abc",
    DATABASE_CONNECTION_LIMIT: CONNECTIONS,
    DATABASE_POOL_TIMEOUT: "10",
    USE_ENHANCED_POOLING: "true",
  };
  row("machine", `${availableParallelism()} cores for everything, ${rounds} rounds of ${seconds} s`);
  const bench = { paths, environment };
  const isWanted = (group: string) => options.only === undefined || options.only === group;
  for (const comparison of COMPARISONS) if (isWanted(comparison.group)) await compare(comparison, bench);
  if (isWanted("import")) await compareImport(rounds, database, environment);
} finally {
  await database.stop();
}

/** Two servers under the same load in turn, A B B A. Prints both, and A's ratio to B. */
async function compare(
  { what, a, b, goal = "" }: Comparison,
  { paths, environment }: { paths: readonly string[]; environment: Record<string, string> },
): Promise<void> {
  const servers = { a: await Served.start(a, environment), b: await Served.start(b, environment) };
  const measured: { a: Measured[]; b: Measured[] } = { a: [], b: [] };
  try {
    for (const side of ["a", "b"] as const) await servers[side].load(paths, 3);
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? (["a", "b"] as const) : (["b", "a"] as const);
      for (const side of order) measured[side].push(await servers[side].load(paths, seconds));
    }
  } finally {
    servers.a.stop();
    servers.b.stop();
  }
  for (const [name, side] of [
    [a, measured.a],
    [b, measured.b],
  ] as const) {
    const of = (figure: keyof Measured) => median(side.map((one) => one[figure]));
    row(
      `  ${name}`,
      `${of("requestsPerSecond").toFixed(0)} requests/s, p99 ${of("p99Milliseconds").toFixed(0)} ms`,
    );
    row("", `${of("cpuPer1000").toFixed(3)} CPU s per 1,000 requests`);
  }
  const pairOf = (figure: keyof Measured) =>
    ratio({ a: measured.a.map((one) => one[figure]), b: measured.b.map((one) => one[figure]) });
  row(what, pairOf("requestsPerSecond"), goal && `goal ${goal}`);
  row("  the same as CPU time", pairOf("cpuPer1000"));
}
