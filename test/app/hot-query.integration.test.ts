import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import type { Prisma } from "../../app/generated/prisma/client.ts";
import { SessionStatus } from "../../app/generated/prisma/enums.ts";
import { loadConfig } from "../../app/lib/config.ts";
import { hotQuery, read, uuid } from "../../app/lib/hot-query.ts";
import { databasePool, prisma } from "../../app/lib/prisma.ts";
import { type AppDatabase, startAppDatabase } from "../support/app-database.ts";
import { engineAvailable } from "../support/postgres18.ts";

const select = { id: true, externalId: true, status: true, startedAt: true, endedAt: true } as const;
type Session = Prisma.ChatSessionGetPayload<{ select: typeof select }>;

const sql = (columns: string) => `SELECT ${columns} FROM chat_sessions WHERE id = $1`;
const columns = `status, ended_at AS "endedAt", id, external_id AS "externalId", started_at AS "startedAt"`;
const readers = {
  id: read.text,
  externalId: read.text,
  status: read.oneOf(SessionStatus),
  startedAt: read.instant,
  endedAt: read.optional(read.instant),
};
const find = hotQuery<Session>(sql(columns), [uuid], readers);

describe.skipIf(!(await engineAvailable()))("a hot query", () => {
  let database: AppDatabase;

  beforeAll(async () => {
    database = await startAppDatabase();
    await database.asSuperuser((client) =>
      client.query(
        "UPDATE app.chat_sessions SET ended_at = CASE status WHEN 'FAILED' THEN started_at + '1.234 s' END",
      ),
    );
  });
  afterAll(async () => {
    await databasePool.close(5000);
    await database?.stop();
  });

  it.each(["true", "false"])("gives exactly what Prisma's own query gives (enhanced: %s)", async (mode) => {
    const loaded = loadConfig(
      {
        DATABASE_URL: database.urls.database,
        HEALTH_TOKEN: "x".repeat(32),
        API_TOKEN: "y".repeat(32),
        USE_ENHANCED_POOLING: mode,
      },
      () => undefined,
    );
    if (!loaded.ok) throw new Error(loaded.problems.join());
    await databasePool.use(loaded.config.database);
    const sessions = await prisma.chatSession.findMany({ select });
    expect(sessions.map(({ endedAt }) => endedAt === null)).toContain(true);
    expect(sessions.map(({ endedAt }) => endedAt === null)).toContain(false);
    for (const session of sessions) expect(await find(session.id)).toEqual([session]);
    expectTypeOf(find).returns.resolves.toEqualTypeOf<Session[]>();
  });

  it("gives no row where there is none", async () => {
    expect(await find("00000000-0000-7000-8000-000000000000")).toEqual([]);
  });

  it("refuses a query without a column, and a value that the schema does not know", async () => {
    const [{ id } = { id: "" }] = await prisma.chatSession.findMany({ select, take: 1 });
    await expect(hotQuery<Session>(sql("id"), [uuid], readers)(id)).rejects.toThrow("no column externalId");
    const odd = columns.replace("status", "'GONE' AS status");
    await expect(hotQuery<Session>(sql(odd), [uuid], readers)(id)).rejects.toThrow("GONE");
  });
});
