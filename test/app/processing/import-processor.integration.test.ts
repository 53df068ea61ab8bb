import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databasePool, prisma } from "../../../app/database/prisma.ts";
import { type ImportRequest, importProcessor } from "../../../app/processing/import-processor.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { useDatabase } from "../../support/app-layer.ts";
import { eventually } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";

const HEADER = "external_id,started_at\n";
/** With blank lines at the end: of a row that nothing follows nobody knows whether it is whole. */
const rows = (count: number) =>
  `${Array.from({ length: count }, (_, index) => `s-${index},2026-11-01T09:00:00Z\n`).join("")}\n\n\n`;
/** Rows that are written without waiting for more. */
const WHOLE_BATCH = 1000;

describe.skipIf(!(await engineAvailable()))("the import processor", () => {
  let database: AppDatabase;

  beforeAll(async () => {
    database = await startAppDatabase();
    await useDatabase(database);
  });
  afterAll(async () => {
    await databasePool.close(5000);
    await database?.stop();
  });

  /** An import under way; the file is what is pushed into `source`. */
  const start = (company: string, options: Partial<ImportRequest> = {}) => {
    const source = new Readable({ read: () => {} });
    const outcome = importProcessor.run({ company, fileName: "sessions.csv", source, ...options });
    outcome.catch(() => {}); // whoever waits for it gets the error
    return { source, outcome };
  };
  const importOf = (company: string) => prisma.import.findFirst({ where: { company: { name: company } } });
  const accepted = (company: string, count: number) =>
    eventually(async () => (await importOf(company))?.rowsAccepted === count, { what: "the rows" });

  it("does not call an import complete that was taken for dead behind its last row", async () => {
    const { source, outcome } = start("Dead");
    source.push(HEADER + rows(WHOLE_BATCH));
    await accepted("Dead", WHOLE_BATCH);
    await prisma.$executeRaw`UPDATE imports SET lease_until = now() WHERE status = 'RUNNING'`;
    expect(await importProcessor.failAbandoned()).toBe(1);
    source.push(null);
    expect(await outcome).toMatchObject({
      kind: "interrupted",
      report: { status: "FAILED", rows: { accepted: WHOLE_BATCH } },
    });
  });

  it("ends an upload that has fallen silent, keeps what came before, and frees its slot", async () => {
    const { source, outcome } = start("Silent", { idleSeconds: 0.5 });
    source.push(HEADER + rows(10));
    expect(await outcome).toMatchObject({
      kind: "interrupted",
      report: {
        error: "nothing came from the sender for 0.5 s; send the file again, what is here is not added twice",
        rows: { accepted: 10 },
      },
    });
    expect(importProcessor.running).toBe(0);
  });

  it("does not take the time for silence in which the database keeps the sender waiting", async () => {
    const { source, outcome } = start("Patient", { idleSeconds: 0.5 });
    await eventually(async () => (await importOf("Patient")) !== null, { what: "the import" });
    await database.asSuperuser(async (client) => {
      await client.query("BEGIN; SELECT FROM app.imports WHERE status = 'RUNNING' FOR UPDATE");
      // One batch is being written, the next one waits for it.
      for (let batch = 0; batch < 3; batch++) {
        source.push((batch === 0 ? HEADER : "") + rows(WHOLE_BATCH));
        await sleep(100); // else they are one piece
      }
      source.push(null);
      await sleep(1500);
      await client.query("COMMIT");
    });
    expect(await outcome).toMatchObject({ kind: "completed", report: { status: "COMPLETED" } });
  });

  it("says in the report that the database failed, and lets the sender wait no longer for that", async () => {
    const { source, outcome } = start("Broken");
    await eventually(async () => (await importOf("Broken")) !== null, { what: "the import" });
    await database.asSuperuser(async (client) => {
      await client.query("REVOKE INSERT ON app.chat_sessions FROM poolkit_app");
      try {
        // The end of the import cannot be written before the sender has its answer.
        await client.query("BEGIN; SELECT FROM app.imports WHERE status = 'RUNNING' FOR UPDATE");
        source.push(`${HEADER}no time\n${rows(WHOLE_BATCH)}`);
        source.push(null);
        await expect(outcome).rejects.toThrow(/permission denied/);
        expect((await importOf("Broken"))?.status).toBe("RUNNING");
      } finally {
        await client.query("COMMIT; GRANT INSERT ON app.chat_sessions TO poolkit_app");
      }
    });
    await eventually(async () => (await importOf("Broken"))?.status === "FAILED", { what: "the end" });
    expect(await importOf("Broken")).toMatchObject({
      error:
        "the database could not be used (forbidden); send the file again, what is here is not added twice",
      rowsRejected: 1,
      leaseUntil: null,
    });
  });

  it("says so also where the database is away for longer than the import tries", async () => {
    const { source, outcome } = start("Away");
    source.push(HEADER + rows(WHOLE_BATCH));
    await accepted("Away", WHOLE_BATCH);
    await database.pgbouncer.console("DISABLE poolkit");
    try {
      await database.pgbouncer.console("KILL poolkit");
      source.push(rows(WHOLE_BATCH));
      source.push(null);
      await expect(outcome).rejects.toThrow();
      await sleep(1500);
      await database.pgbouncer.console("RESUME poolkit");
    } finally {
      await database.pgbouncer.console("ENABLE poolkit");
    }
    const report = () => importOf("Away").catch(() => null); // it is not back at once
    await eventually(async () => (await report())?.status === "FAILED", { what: "the end" });
    expect((await report())?.error).toMatch(/^the database could not be used \(\w+\); send the file again/);
  });
});
