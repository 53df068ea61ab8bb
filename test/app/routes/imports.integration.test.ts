import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { AppProcess } from "../../support/app-process.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";

const HEADER = "external_id,started_at,ended_at,transcript\n";
const MEGABYTE = 1024 * 1024;
const KILLS = 50;
/** For work whose speed is not what is tested. */
const PATIENT = { timeoutMs: 60_000 };

/** The body of POST /api/imports and GET /api/imports/:id. */
interface Report {
  readonly id: string;
  readonly status: string;
  readonly error: string | null;
  readonly sha256: string | null;
  readonly rows: { readonly accepted: number; readonly duplicate: number; readonly rejected: number };
  readonly rejections: readonly { readonly line: number; readonly reason: string }[];
}

const row = (id: string | number, filler = "") =>
  `s-${id},2026-11-01T09:00:00Z,2026-11-01T09:04:00Z,"[2026-11-01T09:00:00Z] User: Where is my ""invoice""?\n` +
  `[2026-11-01T09:00:04Z] Assistant: In your account.${filler}\n[2026-11-01T09:01:00Z] User: Great, thanks!"\n`;
const fileOf = (rows: number) => HEADER + Array.from({ length: rows }, (_, index) => row(index)).join("");

/** A file that is made while it is sent. `between` is waited for before each piece. */
function streamOf(rows: number, between: (sent: number) => Promise<unknown> | undefined, filler = "") {
  let sent = 0;
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await between(sent);
      if (sent === 0) controller.enqueue(encoder.encode(HEADER));
      const piece = Math.min(rows - sent, 100);
      controller.enqueue(
        encoder.encode(Array.from({ length: piece }, (_, index) => row(sent + index, filler)).join("")),
      );
      sent += piece;
      if (sent === rows) controller.close();
    },
  });
}

describe.skipIf(!(await engineAvailable()))("imports", () => {
  let database: AppDatabase;
  let app: AppProcess;
  const others = new Set<AppProcess>();

  const start = (environment: Record<string, string> = {}) =>
    AppProcess.start(
      { settings: { DATABASE_CONNECTION_LIMIT: "5", STOP_GRACE: "10" }, databaseUrl: database.urls.database },
      { PROCESSING_LEASE: "10", ...environment },
    );

  beforeAll(async () => {
    database = await startAppDatabase();
    app = await start();
  });
  afterEach(async () => {
    await Promise.all([...others].map((other) => other.stop()));
    others.clear();
  });
  afterAll(async () => {
    await app?.stop();
    await database?.stop();
  });

  const startOther = async (environment: Record<string, string> = {}) => {
    const other = await start(environment);
    others.add(other);
    return other;
  };
  const reportOf = async (id: string) => (await (await app.get(`/api/imports/${id}`)).json()) as Report;
  const query = (sql: string, ...values: unknown[]) =>
    database.asSuperuser(async (client) => (await client.query(sql, values)).rows);
  /** Sessions of a company, and how many of them have their first stage. */
  const stored = async (company: string) =>
    (
      await query(
        `SELECT count(*)::integer AS sessions, count(stage)::integer AS staged, count(DISTINCT external_id)::integer AS names
           FROM app.chat_sessions JOIN app.companies ON companies.id = company_id
           LEFT JOIN app.session_stages ON session_id = chat_sessions.id AND stage = 'IMPORT' WHERE name = $1`,
        company,
      )
    )[0];
  const lastImport = async (company: string) => {
    const [found] = await query(
      `SELECT imports.id FROM app.imports JOIN app.companies ON companies.id = company_id WHERE name = $1
        ORDER BY imports.id DESC LIMIT 1`,
      company,
    );
    return found === undefined ? null : await reportOf(found.id);
  };

  it("takes a file, says what it did, and has every session processed", async () => {
    const worker = await startOther({ PROCESSING_CONCURRENCY: "2", PROCESSING_POLL_INTERVAL: "60" });
    const answer = await worker.importFile("Whole", fileOf(250));
    const report = (await answer.json()) as Report;
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe(`/api/imports/${report.id}`);
    expect(report).toMatchObject({
      company: "Whole",
      fileName: "sessions.csv",
      status: "COMPLETED",
      error: null,
      rows: { accepted: 250, duplicate: 0, rejected: 0 },
      rejections: [],
    });
    expect(await reportOf(report.id)).toEqual(report);
    expect(await stored("Whole")).toEqual({ sessions: 250, staged: 250, names: 250 });
    // The next poll is a minute away: only the end of the import can have started this.
    const list = async () => {
      const page = await worker.get("/api/sessions?company=Whole&status=PROCESSED&limit=100");
      return (await page.json()) as { sessions: { id: string }[]; next: string | null };
    };
    await eventually(async () => (await list()).sessions.length === 100 && (await list()).next !== null);
    const [session] = (await list()).sessions;
    expect(await (await worker.get(`/api/sessions/${session?.id}`)).json()).toMatchObject({
      company: "Whole",
      status: "PROCESSED",
      importId: report.id,
      messages: [
        { role: "USER", content: 'Where is my "invoice"?', sentAt: "2026-11-01T09:00:00.000Z" },
        { role: "ASSISTANT", content: "In your account." },
        { role: "USER", content: "Great, thanks!" },
      ],
      stages: [
        { stage: "IMPORT", status: "COMPLETED", attempts: 1, result: { messages: 3 } },
        { stage: "TRANSCRIPT", result: { messages: 3, userMessages: 2, durationSeconds: 60 } },
        { stage: "ANALYSIS", result: { firstResponseSeconds: 4, sentiment: "POSITIVE" } },
        { stage: "SUMMARY", result: { question: 'Where is my "invoice"?', answer: "In your account." } },
      ],
    });
  });

  it("adds nothing twice, whether the same file comes again or at the same time", async () => {
    const [first, second] = await Promise.all([
      app.importFile("Twice", fileOf(5000)),
      app.importFile("Twice", fileOf(5000)),
    ]);
    const third = await app.importFile("Twice", fileOf(5000));
    const reports = (await Promise.all([first, second, third].map((answer) => answer.json()))) as Report[];
    expect(reports.map(({ status }) => status)).toEqual(Array(3).fill("COMPLETED"));
    expect(reports.reduce((sum, { rows }) => sum + rows.accepted, 0)).toBe(5000);
    expect(reports.map(({ rows }) => rows.accepted + rows.duplicate)).toEqual([5000, 5000, 5000]);
    expect(reports[2]?.rows).toEqual({ accepted: 0, duplicate: 5000, rejected: 0 });
    expect(new Set(reports.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await stored("Twice")).toEqual({ sessions: 5000, staged: 5000, names: 5000 });
  });

  it("names bad rows by line and reason and keeps the good ones", async () => {
    const answer = await app.importFile(
      "Mixed",
      `${HEADER}${row(1)}only-one-field\n${row(2)},2026-11-01T09:00:00Z,,\n`,
    );
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({
      rows: { accepted: 2, duplicate: 0, rejected: 2 },
      rejections: [
        { line: 5, reason: "has 1 fields; the first line names 4" },
        { line: 9, reason: "external_id: must not be empty" },
      ],
    });
  });

  it("reads a refused file to its end, so that its sender gets to hear why", async () => {
    const piece = Buffer.from("x;y\n".repeat(64 * 1024));
    let pieces = 48; // 12 MiB: more than sockets hold
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (pieces-- > 0 ? controller.enqueue(piece) : controller.close()),
    });
    const answer = await app.importFile("long", body);
    expect([answer.status, pieces]).toEqual([422, -1]);
  });

  it.each([
    ["another header", `id;start\n${"x;y\n".repeat(100_000)}`, "invalid_header", 0],
    [
      "a quote that is never closed",
      `${HEADER}${row(1)}${row(2)}s-3,2026-11-01T09:00:00Z,,"cut`,
      "unclosed_quote",
      2,
    ],
  ])("refuses a file with %s, with an answer that says so", async (name, file, code, kept) => {
    const answer = await app.importFile(name, file);
    expect(answer.status).toBe(422);
    const body = (await answer.json()) as { error: { code: string; message: string }; import: Report };
    expect(body.error).toEqual({ code, message: body.import.error });
    expect(body.import).toMatchObject({ status: "FAILED", rows: { accepted: kept }, sha256: null });
    expect((await stored(name)).sessions).toBe(kept);
  });

  it("keeps what came before an upload broke off, and completes it when the file comes again", async () => {
    const abort = new AbortController();
    const upload = app.importFile(
      "Broken",
      streamOf(3000, (sent) => (sent === 2500 ? sleep(200).then(() => abort.abort()) : undefined)),
      { signal: abort.signal },
    );
    await expect(upload).rejects.toThrow();
    await eventually(async () => (await lastImport("Broken"))?.status === "FAILED", {
      what: "the failed import",
    });
    const broken = await lastImport("Broken");
    expect(broken?.error).toMatch(/^the upload ended before the file did/);
    expect(broken?.rows.accepted).toBe((await stored("Broken")).sessions);
    expect(broken?.rows.accepted).toBeGreaterThanOrEqual(2000);
    const whole = (await (await app.importFile("Broken", fileOf(3000))).json()) as Report;
    expect(whole.rows.accepted + (broken?.rows.accepted ?? 0)).toBe(3000);
    expect(await stored("Broken")).toEqual({ sessions: 3000, staged: 3000, names: 3000 });
  });

  it("ends a running import at a stop with an answer, and keeps what was read", async () => {
    const other = await startOther();
    const upload = other.importFile(
      "Stopped",
      streamOf(3000, (sent) => (sent >= 2500 ? sleep(20_000) : undefined)),
    );
    await eventually(async () => ((await lastImport("Stopped"))?.rows.accepted ?? 0) > 0);
    other.child.kill("SIGTERM");
    const answer = await upload;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: "import_interrupted" } });
    expect(await other.exited).toBe(0);
    const stopped = await lastImport("Stopped");
    expect(stopped?.status).toBe("FAILED");
    // Of a row that nothing follows nobody knows whether it is whole.
    expect(stopped?.rows.accepted).toBe(2499);
  });

  it("needs no more memory the longer it reads", async () => {
    // A small heap, so that the peak is what is needed and not what the collector leaves lying.
    const other = await startOther({ NODE_OPTIONS: "--max-old-space-size=96 --max-semi-space-size=8" });
    const peak = () =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${other.child.pid}/status`, "utf8"))?.[1]) * 1024;
    const filler = " word".repeat(2000);
    const rows = Math.ceil((40 * MEGABYTE) / row(1, filler).length);
    const upload = async (company: string) => {
      const answer = await other.importFile(
        company,
        streamOf(rows, () => undefined, filler),
      );
      expect(await answer.json()).toMatchObject({ rows: { accepted: rows, rejected: 0 } });
      return peak();
    };
    const first = await upload("Big 1");
    await upload("Big 2");
    // Whoever kept what was read would have 80 MB more by now.
    expect((await upload("Big 3")) - first).toBeLessThan(40 * MEGABYTE);
  }, 180_000);

  // A second run would hide a race.
  const once = { timeout: 300_000, retry: 0 };
  it(
    `loses and doubles nothing when the process is killed ${KILLS} times in the middle of a file`,
    once,
    async () => {
      const rows = 12_000;
      for (let kill = 0; kill < KILLS; kill++) {
        const victim = await startOther({ PROCESSING_LEASE: "5" });
        const former = (await lastImport("Killed"))?.id;
        // The end of the file is held back, so that the import cannot end before the kill.
        const upload = victim
          .importFile(
            "Killed",
            streamOf(rows, (sent) =>
              sent > rows - 2000 ? sleep(60_000, undefined, { ref: false }) : undefined,
            ),
          )
          .then((answer) => answer.text())
          .catch(() => "cut");
        // Each dies at another place of the file.
        const rowsBefore = 1 + 1000 * (kill % 8);
        await eventually(async () => {
          const report = await lastImport("Killed");
          const isNew = report !== null && report.id !== former;
          return isNew && report.rows.accepted + report.rows.duplicate >= rowsBefore;
        }, PATIENT);
        victim.child.kill("SIGKILL");
        expect(await upload).toBe("cut");
        await victim.stop();
        others.delete(victim);
      }
      expect((await (await app.importFile("Killed", fileOf(rows))).json()) as Report).toMatchObject({
        status: "COMPLETED",
      });
      expect(await stored("Killed")).toEqual({ sessions: rows, staged: rows, names: rows });
      const ended = () =>
        query(
          `SELECT imports.status, count(*)::integer AS imports, sum(rows_accepted)::integer AS rows FROM app.imports
           JOIN app.companies ON companies.id = company_id WHERE name = 'Killed' GROUP BY 1 ORDER BY 1`,
        );
      await eventually(async () => (await ended()).every(({ status }) => status !== "RUNNING"), {
        what: "the end of the dead imports",
        ...PATIENT,
      });
      const [completed, failed] = await ended();
      expect([completed, failed]).toMatchObject([
        { status: "COMPLETED", imports: 1 },
        { status: "FAILED", imports: KILLS },
      ]);
      // Every row was counted by exactly one import, also by those that were killed.
      expect(completed.rows + failed.rows).toBe(rows);
    },
  );

  it("takes two imports at once and no more", async () => {
    const release = Promise.withResolvers<void>();
    const held = Array.from({ length: 2 }, (_, index) =>
      app.importFile(
        `Held ${index}`,
        streamOf(200, (sent) => (sent > 0 ? release.promise : undefined)),
      ),
    );
    await eventually(
      async () => (await lastImport("Held 0")) !== null && (await lastImport("Held 1")) !== null,
    );
    const third = await app.importFile("Held 2", fileOf(1));
    expect([third.status, third.headers.get("retry-after")]).toEqual([429, "5"]);
    release.resolve();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([201, 201]);
    expect((await app.importFile("Held 2", fileOf(1))).status).toBe(201);
  });

  it("takes two of five that come at the same moment", async () => {
    const files = Array.from({ length: 5 }, (_, index) => app.importFile(`Burst ${index}`, fileOf(500)));
    const answers = (await Promise.all(files)).map(({ status }) => status);
    expect(answers.sort()).toEqual([201, 201, 429, 429, 429]);
  });

  it.each<[string, () => Promise<Response>, number]>([
    ["no token", () => app.importFile("No", fileOf(1), { headers: { authorization: "" } }), 401],
    [
      "another kind of body",
      () => app.importFile("No", "{}", { headers: { "content-type": "application/json" } }),
      415,
    ],
    ["no company", () => app.importFile("", fileOf(1)), 400],
    ["an unknown import", () => app.get("/api/imports/01930000-0000-7000-8000-000000000000"), 404],
    ["no identifier", () => app.get("/api/imports/x"), 400],
    ["an unknown session", () => app.get("/api/sessions/01930000-0000-7000-8000-000000000000"), 404],
    [
      "a NUL",
      () =>
        app.post("/api/sessions", { company: "a\0b", externalId: "x", startedAt: "2026-11-01T00:00:00Z" }),
      400,
    ],
    [
      "a year without days",
      () => app.post("/api/sessions", { company: "a", externalId: "x", startedAt: "0000-01-01T00:00:00Z" }),
      400,
    ],
  ])("refuses %s", async (_what, request, status) => {
    const answer = await request();
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({
      error: { code: expect.any(String), message: expect.any(String) },
    });
    expect(await stored("No")).toEqual({ sessions: 0, staged: 0, names: 0 });
  });
});
