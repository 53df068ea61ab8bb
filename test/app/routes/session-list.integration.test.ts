import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databasePool } from "../../../app/database/prisma.ts";
import { listQuery, listSessions } from "../../../app/routes/session-list.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { useDatabase } from "../../support/app-layer.ts";
import { engineAvailable } from "../../support/postgres18.ts";

const SESSIONS = 95;

describe.skipIf(!(await engineAvailable()))("the list of sessions", () => {
  let database: AppDatabase;

  const add = (company: string, prefix: string, count: number, minute: string) =>
    database.asSuperuser((client) =>
      client.query(
        `INSERT INTO app.chat_sessions (id, company_id, external_id, started_at, status)
         SELECT uuidv7(), (SELECT id FROM app.companies WHERE name = $1), $2 || number,
                '2026-06-01T00:00:00Z'::timestamptz + ${minute} * interval '1 minute',
                (ARRAY['OPEN', 'PROCESSED'])[1 + number % 2]::app.session_status
           FROM generate_series(1, ${count}) AS number`,
        [company, prefix],
      ),
    );

  beforeAll(async () => {
    database = await startAppDatabase();
    await useDatabase(database);
    await database.asSuperuser((client) => client.query("DELETE FROM app.chat_sessions"));
    // Seven of each minute: only with the identifier is the order complete.
    await add("Larkspur Support", "a", SESSIONS, "(number / 7)");
    await add("Harbour Travel", "b", 10, "(1000 + number)");
  });
  afterAll(async () => {
    await databasePool.close(5000);
    await database?.stop();
  });

  const list = (query: Record<string, string>) => listSessions(listQuery.parse(query));
  /** All pages from the first to the last. */
  const pages = async (query: Record<string, string>, between: () => Promise<unknown> = async () => {}) => {
    const names: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await list({ ...query, ...(cursor === null ? {} : { cursor }) });
      names.push(...page.sessions.map(({ externalId }) => externalId));
      cursor = page.next;
      await between();
    } while (cursor !== null);
    return names;
  };

  it.each(["1", "10", "19", "95", "100"])(
    "shows each session once in pages of %s, the newest first",
    async (limit) => {
      const names = await pages({ company: "Larkspur Support", limit });
      expect(names).toHaveLength(SESSIONS);
      expect(new Set(names).size).toBe(SESSIONS);
      expect(names).toEqual(await pages({ company: "Larkspur Support", limit: "7" }));
      expect(names[0]).toMatch(/^a9[1-5]$/);
    },
  );

  it("is not shifted by sessions that come in while somebody pages", async () => {
    let round = 0;
    const names = await pages({ limit: "10", company: "Larkspur Support" }, async () => {
      round += 1;
      await add("Larkspur Support", `new${round}-`, 3, "(5000 + number)");
    });
    expect(names).toHaveLength(SESSIONS);
    expect(new Set(names).size).toBe(SESSIONS);
    await database.asSuperuser((client) =>
      client.query("DELETE FROM app.chat_sessions WHERE external_id LIKE 'new%'"),
    );
  });

  it("filters by company, status and time", async () => {
    expect(await pages({ company: "Harbour Travel" })).toHaveLength(10);
    expect(await pages({ company: "Nobody" })).toEqual([]);
    expect(await pages({ company: "Harbour Travel", status: "PROCESSED" })).toHaveLength(5);
    const time = (minute: number) => new Date(Date.UTC(2026, 5, 1) + minute * 60_000).toISOString();
    expect(await pages({ from: time(1003), to: time(1006) })).toEqual(["b5", "b4", "b3"]);
  });

  it("gives a cursor that leads to the rest", async () => {
    const { next } = await list({ limit: "50", company: "Larkspur Support" });
    expect(next).not.toBeNull();
    expect(
      (await list({ limit: "50", company: "Larkspur Support", cursor: next ?? "" })).sessions,
    ).toHaveLength(45);
  });

  it.each([
    "",
    "x",
    Buffer.from('["yesterday","x"]').toString("base64url"),
    Buffer.from("{}").toString("base64url"),
  ])("refuses the cursor %j", (cursor) => {
    expect(() => listQuery.parse({ cursor })).toThrow(/is no cursor of this list/);
  });
});
