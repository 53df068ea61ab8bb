import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { hotQuery, read, uuid } from "../../../app/database/hot-query.ts";
import { databasePool, prisma } from "../../../app/database/prisma.ts";
import type { Prisma } from "../../../app/generated/prisma/client.ts";
import { SessionStatus } from "../../../app/generated/prisma/enums.ts";
import { findSessionView, type SessionView, sessionSelect } from "../../../app/routes/session-view.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { useDatabase } from "../../support/app-layer.ts";
import { engineAvailable } from "../../support/postgres18.ts";

type Selected = Prisma.ChatSessionGetPayload<{ select: typeof sessionSelect }>;

// Once for both databases: a closed pool takes no other settings.
afterAll(() => databasePool.close(1000));

describe.skipIf(!(await engineAvailable()))("a hot query", () => {
  let database: AppDatabase;

  beforeAll(async () => {
    database = await startAppDatabase();
    await database.asSuperuser((client) =>
      client.query(`
        UPDATE app.chat_sessions
           SET ended_at = CASE WHEN started_at > (SELECT min(started_at) FROM app.chat_sessions)
                               THEN started_at + '1.234 s' END;
        UPDATE app.messages SET content = content || E' "quoted" \\\\ \n – 雪', sent_at = sent_at + '0.5 s';
        INSERT INTO app.session_stages (session_id, stage, status, result, error, updated_at)
        SELECT id, 'SUMMARY', 'FAILED', '{"words": 12.5, "tags": ["a", null]}', 'too long', now()
          FROM app.chat_sessions ON CONFLICT DO NOTHING`),
    );
  });
  afterAll(() => database?.stop());

  it.each(["true", "false"])("gives exactly what Prisma's own query gives (enhanced: %s)", async (mode) => {
    await useDatabase(database, { USE_ENHANCED_POOLING: mode });
    const sessions = await prisma.chatSession.findMany({ select: sessionSelect });
    expect(new Set(sessions.map(({ endedAt }) => endedAt === null))).toEqual(new Set([true, false]));
    expect(sessions.some(({ messages }) => messages.length > 1)).toBe(true);
    for (const { company, ...session } of sessions) {
      expect(await findSessionView(session.id)).toEqual({ ...session, company: company.name });
    }
    expectTypeOf<Omit<SessionView, "company">>().toEqualTypeOf<Omit<Selected, "company">>();
  });

  it("gives no row where there is none", async () => {
    expect(await findSessionView("00000000-0000-7000-8000-000000000000")).toBeNull();
  });

  it("goes on after a migration that changes the type of one of its columns", async () => {
    const { id } = await prisma.chatSession.findFirstOrThrow({ select: { id: true } });
    const before = await findSessionView(id);
    await database.asSuperuser((client) =>
      client.query("ALTER TABLE app.companies ALTER COLUMN name TYPE varchar(200)"),
    );
    // Each of the pool's connections has prepared the statement as it was.
    for (let call = 0; call < 20; call++) expect(await findSessionView(id)).toEqual(before);
  });

  it("refuses a query without a column, and a value that the schema does not know", async () => {
    interface Head {
      readonly id: string;
      readonly status: SessionStatus;
    }
    const head = (columns: string) =>
      hotQuery<Head>(`SELECT ${columns} FROM chat_sessions WHERE id = $1`, [uuid], {
        id: read.text,
        status: read.oneOf(SessionStatus),
      });
    const { id } = await prisma.chatSession.findFirstOrThrow({ select: { id: true } });
    expect(await head("status, id")(id)).toMatchObject([{ id }]);
    await expect(head("id")(id)).rejects.toThrow("no column status");
    await expect(head("id, 'GONE' AS status")(id)).rejects.toThrow("GONE");
    const list = `id, json_build_array(json_build_object('a', 1)) AS rows`;
    const lists = hotQuery<{ rows: { b: string }[] }>(
      `SELECT ${list} FROM chat_sessions WHERE id = $1`,
      [uuid],
      { rows: read.list({ b: read.text }) },
    );
    await expect(lists(id)).rejects.toThrow("no column b");
  });
});

describe.skipIf(!(await engineAvailable()))(
  "a hot query behind a PgBouncer without prepared statements",
  () => {
    let database: AppDatabase;

    beforeAll(async () => {
      database = await startAppDatabase({ max_prepared_statements: "0" });
      await useDatabase(database);
    });
    afterAll(() => database?.stop());

    it("gives its rows all the same", async () => {
      const { id } = await prisma.chatSession.findFirstOrThrow({ select: { id: true } });
      for (let round = 0; round < 10; round++) {
        const found = await Promise.all(Array.from({ length: 20 }, () => findSessionView(id)));
        expect(new Set(found.map((session) => session?.id))).toEqual(new Set([id]));
      }
    });
  },
);
