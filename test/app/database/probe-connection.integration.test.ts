import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptProbe } from "../../../app/database/probe-connection.ts";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { engineAvailable } from "../../support/postgres18.ts";

const LONG_MS = 60_000;

/** A probe must notice what a fresh login would notice, and must not take its own kept connection's end for a fault. */
describe.skipIf(!(await engineAvailable()))("kept connection of a probe, through a real PgBouncer", () => {
  let database: AppDatabase;
  beforeAll(async () => {
    database = await startAppDatabase();
  });
  afterAll(() => database?.stop());

  const one = (loginEveryMs: number) =>
    new KeptProbe(loginEveryMs, async (client) => (await client.query("SELECT 1 AS one")).rows[0]?.one);
  const clients = async () => {
    const all = await database.pgbouncer.console("SHOW CLIENTS");
    return all.filter((row) => row.application_name === "poolkit-health").map((row) => Number(row.id));
  };
  /** Looks, and says which client PgBouncer saw last. Ids grow. */
  const look = async (probe: KeptProbe<unknown>) => {
    const result = await probe.look(database.urls.database);
    expect(result).toMatchObject({ ok: true, report: 1 });
    return Math.max(...(await clients()));
  };

  it("is used again until its time, then a fresh login takes its place", async () => {
    const kept = one(LONG_MS);
    const first = await look(kept);
    expect(await look(kept)).toBe(first);
    const short = one(0);
    const second = await look(short);
    expect(await look(short)).toBeGreaterThan(second);
    await expect.poll(clients, { timeout: 10_000 }).not.toContain(second);
  });

  it("is closed when nobody asks any more", async () => {
    await look(one(LONG_MS));
    await expect.poll(clients, { timeout: 20_000 }).toEqual([]);
  });

  it("may be closed by PgBouncer: the look goes on with a fresh login", async () => {
    const kept = one(LONG_MS);
    const first = await look(kept);
    await database.pgbouncer.console("SET client_idle_timeout = 1");
    try {
      await expect.poll(clients, { timeout: 10_000 }).not.toContain(first);
    } finally {
      await database.pgbouncer.console("SET client_idle_timeout = 0");
    }
    expect(await look(kept)).toBeGreaterThan(first);
  });

  it("may lose its backend in the middle of a look", async () => {
    let isFirst = true;
    const kept = new KeptProbe(LONG_MS, async (client) => {
      const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
      if (!isFirst) return "again";
      isFirst = false;
      await database.asSuperuser((superuser) =>
        superuser.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]),
      );
      return (await client.query("SELECT pg_sleep(0.1)")).rowCount;
    });
    // The first look is by a fresh login; whatever it met, the next one is well.
    await kept.look(database.urls.monitor);
    expect(await kept.look(database.urls.monitor)).toMatchObject({ ok: true, report: "again" });
  });

  it("notices at a login that the next client would be refused, though its own still works", async () => {
    const kept = one(0);
    await look(kept);
    await database.pgbouncer.console("SET max_client_conn = 1");
    try {
      expect(await kept.look(database.urls.database)).toMatchObject({ ok: false, failure: "client_limit" });
    } finally {
      await database.pgbouncer.console("SET max_client_conn = 200");
    }
    await look(kept);
  });

  it("goes over to another address at once", async () => {
    const kept = one(LONG_MS);
    await look(kept);
    const wrong = database.urls.database.replace("canary", "wrong");
    expect(await kept.look(wrong)).toMatchObject({ ok: false, failure: "login" });
    await look(kept);
  });

  it("may have a peer that has gone without a word: a fresh login answers in the same look", async () => {
    const way = await relay(Number(new URL(database.urls.database).port));
    try {
      const url = database.urls.database.replace(/:\d+\//, `:${way.port}/`);
      const kept = one(LONG_MS);
      expect((await kept.look(url)).ok).toBe(true);
      way.freeze();
      expect((await kept.look(url)).ok).toBe(true);
      expect(way.connections).toBe(2);
    } finally {
      way.close();
    }
  });
});

/** Passes bytes on to `port` of this machine; `freeze` stops that for all connections that are open. */
async function relay(port: number) {
  const sockets: Socket[] = [];
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) socket.on("error", () => {}); // cut by the other side
    near.pipe(far).pipe(near);
    sockets.push(near, far);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get connections() {
      return connections;
    },
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
