// One route, served in one of several ways: node bench/app/server.ts <way>. Prints its address as its first line.
import { PrismaPg } from "@prisma/adapter-pg";
import Fastify from "fastify";
import pg from "pg";
import { loadConfig } from "../../app/config/config.ts";
import { hotQuery, read, uuid } from "../../app/database/hot-query.ts";
import { databasePool, prisma } from "../../app/database/prisma.ts";
import { PrismaClient } from "../../app/generated/prisma/client.ts";
import { findSessionView, SESSION_VIEW_SQL, sessionSelect } from "../../app/routes/session-view.ts";

/** What the route answers with; the application's own answers with more. */
interface Session {
  readonly id: string;
  readonly externalId: string;
  readonly status: string;
  readonly startedAt: Date;
}

const loaded = loadConfig();
if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
const { database } = loaded.config;

const bare = () =>
  new pg.Pool({
    connectionString: database.connectionString,
    application_name: "bench",
    max: database.connectionLimit,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
const select = { id: true, externalId: true, status: true, startedAt: true } as const;
const byPrisma = (client: PrismaClient) => (id: string) =>
  client.chatSession.findUnique({ where: { id }, select });

/** Every way to find a session by its id. */
const ways: Readonly<Record<string, () => Promise<(id: string) => Promise<Session | null>>>> = {
  /** The measure of all: a prepared statement on a bare pool. */
  async pg() {
    const pool = bare();
    const text = `SELECT id, external_id AS "externalId", status, started_at AS "startedAt" FROM chat_sessions WHERE id = $1`;
    return async (id) => (await pool.query<Session>({ name: "session", text, values: [id] })).rows[0] ?? null;
  },
  /** The application's singleton, in the mode that USE_ENHANCED_POOLING says. */
  async singleton() {
    await databasePool.use(database);
    return byPrisma(prisma);
  },
  /** The singleton without what Prisma does to gather several findUnique calls of one tick. */
  async first() {
    await databasePool.use(database);
    return (id) => prisma.chatSession.findFirst({ where: { id }, select });
  },
  /** The singleton with SQL and a type by hand: no query compiler, no mapping by field. */
  async raw() {
    await databasePool.use(database);
    return async (id) => {
      const rows = await prisma.$queryRaw<Session[]>`
        SELECT id, external_id AS "externalId", status, started_at AS "startedAt"
          FROM chat_sessions WHERE id = ${id}::uuid`;
      return rows[0] ?? null;
    };
  },
  /** The layer without Prisma's client: what app/database offers for a hot path. */
  async hot() {
    await databasePool.use(database);
    const findSession = hotQuery<Session>(
      `SELECT id, external_id AS "externalId", status, started_at AS "startedAt" FROM chat_sessions WHERE id = $1`,
      [uuid],
      { id: read.text, externalId: read.text, status: read.text, startedAt: read.instant },
    );
    return async (id) => (await findSession(id))[0] ?? null;
  },
  /** The application's own read of one session, with its messages and stages. */
  async view() {
    await databasePool.use(database);
    return findSessionView;
  },
  /** The same SQL as a named statement on a bare pool. */
  async "view-pg"() {
    const pool = bare();
    return async (id) =>
      (await pool.query<Session>({ name: "view", text: SESSION_VIEW_SQL, values: [id] })).rows[0] ?? null;
  },
  /** What the application's read would be by Prisma's client: four statements. */
  async "view-prisma"() {
    await databasePool.use(database);
    return (id) => prisma.chatSession.findUnique({ where: { id }, select: sessionSelect });
  },
  /** Prisma on a bare pool: what the singleton's own layer is compared with. */
  async bare() {
    return byPrisma(new PrismaClient({ adapter: new PrismaPg(bare(), { schema: database.schema }) }));
  },
};

const name = process.argv[2] ?? "";
const way = ways[name];
if (way === undefined) throw new Error(`usage: server.ts ${Object.keys(ways).join("|")}`);
const find = await way();

const server = Fastify({ logger: false });
const text = { type: "string" } as const;
const session = { type: "object", properties: { id: text, externalId: text, status: text, startedAt: text } };
/** The application has no schema for its answers. */
const schema = name.startsWith("view") ? {} : { response: { 200: session } };
server.get<{ Params: { id: string } }>(
  "/sessions/:id",
  { schema },
  async ({ params }, reply) => (await find(params.id)) ?? reply.code(404).send(),
);
/** Microseconds of CPU time since the start, so that the load generator can take differences. */
server.get("/cpu", async () => {
  const { user, system } = process.cpuUsage();
  return user + system;
});
process.stdout.write(`${await server.listen({ host: "127.0.0.1", port: 0 })}\n`);
