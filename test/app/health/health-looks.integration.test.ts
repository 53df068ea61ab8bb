import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { AppProcess } from "../../support/app-process.ts";
import { healthSchema } from "../../support/health-schema.ts";
import { eventually, startLoad } from "../../support/load.ts";
import { engineAvailable } from "../../support/postgres18.ts";
import { queryRelay } from "../../support/query-relay.ts";

const POOL_SIZE = 5;

/** What health does at Postgres and PgBouncer, and whether its figures are theirs. */
describe.skipIf(!(await engineAvailable()))("looks of database health", () => {
  let database: AppDatabase;
  let app: AppProcess;
  const repairs: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    database = await startAppDatabase({ default_pool_size: String(POOL_SIZE) });
    app = await start(database.urls.console);
  });
  afterEach(async () => {
    for (const repair of repairs.splice(0).reverse()) await repair();
  });
  afterAll(async () => {
    await app?.stop();
    await database?.stop();
  });

  const start = (consoleUrl: string) =>
    AppProcess.start({
      settings: { USE_ENHANCED_POOLING: "true", DATABASE_CONNECTION_LIMIT: "3" },
      databaseUrl: database.urls.database,
      monitorUrl: database.urls.monitor,
      consoleUrl,
    });
  const passes = () =>
    eventually(async () => (await app.health()).status === "pass", { what: "health that passes" });
  const asSuperuser = (statement: string) => database.asSuperuser((client) => client.query(statement));
  /** Undone at the end of the test. */
  const fault = async (statement: string, undo: string) => {
    await asSuperuser(statement);
    repairs.push(() => asSuperuser(undo));
  };
  /** A sequence that counts something of Postgres' own, whoever does it. */
  const countOf = async (sequence: string) => {
    const { rows } = await asSuperuser(`SELECT last_value::int, is_called FROM ${sequence}`);
    return rows[0]?.is_called ? Number(rows[0].last_value) : 0;
  };

  it("gives a body of the described form, with every unit", async () => {
    await passes();
    await eventually(async () => {
      const read = healthSchema.safeParse(await (await app.get("/api/admin/database-health")).json());
      expect(read.error?.issues).toBeUndefined();
      return read.data?.checks["postgres:write"] !== undefined;
    });
    const answer = await app.get("/api/admin/database-health");
    expect(answer.headers.get("content-type")).toBe("application/health+json; charset=utf-8");
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("asks PgBouncer's console at most twice a second, and for its settings now and then, however many ask", async () => {
    const way = await queryRelay(database.pgbouncer.port);
    const relayed = await start(database.urls.console.replace(/:\d+\//, `:${way.port}/`));
    repairs.push(async () => way.close());
    repairs.push(() => relayed.stop());
    const asked = (what: string) => way.queries.filter((query) => query === what).length;
    await eventually(async () => asked("SHOW POOLS") > 0, { what: "a first look" });
    const before = { pools: asked("SHOW POOLS"), config: asked("SHOW CONFIG") };
    const began = performance.now();
    await Promise.all(Array.from({ length: 100 }, () => relayed.health()));
    expect(asked("SHOW POOLS") - before.pools).toBeLessThanOrEqual(
      Math.ceil((2 * (performance.now() - began)) / 1000) + 1,
    );
    const load = startLoad(100, () => relayed.get("/api/admin/database-health"));
    await sleep(4000);
    expect((await load.stop()).failures).toEqual([]);
    const seconds = (performance.now() - began) / 1000;
    const pools = asked("SHOW POOLS") - before.pools;
    expect(pools).toBeGreaterThan(seconds / 2);
    expect(pools).toBeLessThanOrEqual(Math.ceil(2 * seconds) + 1);
    expect(asked("SHOW CONFIG") - before.config).toBeLessThanOrEqual(Math.ceil(seconds / 5) + 1);
    expect(asked("SHOW CLIENTS")).toBe(0);
  });

  it("shows the pool's size as the role's own settings and caps make it", async () => {
    const settings = async (users: string) => {
      const { container } = database.pgbouncer;
      const edit = `sed -i '/^\\[users\\]/,$d' /run/test/pgbouncer.ini; printf '%s\\n' '${users}' >> /run/test/pgbouncer.ini`;
      const exec = await container.exec({ User: "root", Cmd: ["sh", "-c", edit], AttachStdout: true });
      const output = await exec.start({});
      await output.resume().toArray();
      await database.pgbouncer.console("RELOAD");
    };
    const shows = (poolSize: number, reservePoolSize: number) =>
      eventually(
        async () => {
          const { pools } = (await app.health()).pool.pgbouncer;
          const own = JSON.stringify({ poolSize, reservePoolSize }).slice(1, -1);
          return JSON.stringify(pools).includes(own);
        },
        { what: `a pool of ${poolSize} and ${reservePoolSize}` },
      );
    // PgBouncer keeps the settings of a role whose entry is gone.
    repairs.push(() => settings(`[users]\npoolkit_app = pool_size=${POOL_SIZE} reserve_pool_size=0`));
    repairs.push(() => settings("[users]\npoolkit_app = max_user_connections=100"));
    await shows(POOL_SIZE, 0);
    await settings("[users]\npoolkit_app = pool_size=3 reserve_pool_size=2");
    await shows(3, 2);
    await settings("[users]\npoolkit_app = pool_size=3 reserve_pool_size=2 max_user_connections=4");
    await shows(3, 1);
  });

  const realPools = async () => {
    const sizes = new Map(
      (await database.pgbouncer.console("SHOW DATABASES")).map((row) => [row.name, Number(row.pool_size)]),
    );
    return (await database.pgbouncer.console("SHOW POOLS"))
      .filter((row) => row.database !== "pgbouncer")
      .map((row) => ({
        database: row.database,
        user: row.user,
        cl_active: Number(row.cl_active),
        cl_waiting: Number(row.cl_waiting),
        sv_active: Number(row.sv_active),
        sv_idle: Number(row.sv_idle),
        sv_used: Number(row.sv_used),
        poolSize: sizes.get(row.database),
      }));
  };
  /** Of all client connections but health's own direct one; the one that asks is idle while health looks. */
  const realStates = async (holder: pg.Client) => {
    // Within a transaction the first look at the sessions would stand.
    await holder.query("SELECT pg_stat_clear_snapshot()");
    const { rows } = await holder.query<{ state: string; sessions: number }>(
      `SELECT CASE WHEN pid = pg_backend_pid() THEN 'idle in transaction' ELSE state END AS state, count(*)::int AS sessions
       FROM pg_stat_activity WHERE backend_type = 'client backend'
       AND NOT (application_name = 'poolkit-health' AND usename = 'poolkit_monitor') GROUP BY 1 ORDER BY 1`,
    );
    return rows.map(({ state, sessions }) => [state, sessions]).sort();
  };

  it("counts sessions seldom where that takes long, and costs PgBouncer no server connection", async () => {
    await passes();
    // Every row costs a count a while, so that it is cut off.
    await fault(
      `CREATE POLICY slow ON app.chat_sessions USING (coalesce(pg_sleep(0.5)::text, '') = '');
       ALTER TABLE app.chat_sessions ENABLE ROW LEVEL SECURITY`,
      "ALTER TABLE app.chat_sessions DISABLE ROW LEVEL SECURITY; DROP POLICY slow ON app.chat_sessions",
    );
    const ofApplication = async () => {
      const { rows } = await asSuperuser(
        `SELECT pid, state = 'active' AND query LIKE '%count(*)%chat_sessions%' AS counts, query_start::text AS begun
         FROM pg_stat_activity WHERE usename = 'poolkit_app'`,
      );
      return rows;
    };
    const counting = async () => (await ofApplication()).filter(({ counts }) => counts === true);
    const isCounting = async () => {
      await app.health();
      return (await counting()).length > 0;
    };
    await eventually(isCounting, { what: "a count that is slow" });
    const [server] = await counting();
    const begun = new Set<string>();
    const end = Date.now() + 8000;
    let sessions: unknown;
    while (Date.now() < end) {
      for (const count of await counting()) begun.add(String(count.begun));
      sessions = (await app.health()).metrics.sessions;
      await sleep(100);
    }
    expect(sessions).toMatchObject({ total: null, reason: "counting takes longer than 0.8 s" });
    // The one that was seen at first.
    expect(begun.size).toBeLessThanOrEqual(1);
    expect((await ofApplication()).map(({ pid }) => pid)).toContain(server?.pid);
  });

  it("is not held up by a disk that takes long, and does not write while it waits", async () => {
    await passes();
    await fault(
      `CREATE SCHEMA slow; CREATE SEQUENCE slow.written;
       CREATE FUNCTION slow.generate_series(integer, integer) RETURNS SETOF integer LANGUAGE sql VOLATILE SECURITY DEFINER
         AS $$SELECT nextval('slow.written')::int UNION ALL SELECT 1 WHERE coalesce(pg_sleep(1.5)::text, '') = ''$$;
       GRANT USAGE ON SCHEMA slow TO poolkit_monitor;
       ALTER ROLE poolkit_monitor IN DATABASE poolkit SET search_path = slow, pg_catalog`,
      "ALTER ROLE poolkit_monitor IN DATABASE poolkit RESET search_path; DROP SCHEMA slow CASCADE",
    );
    // A login that knows the new search_path.
    await eventually(
      async () => {
        await app.health();
        return (await countOf("slow.written")) > 0;
      },
      { what: "a slow write" },
    );
    const before = await countOf("slow.written");
    const began = performance.now();
    const others: string[] = [];
    while (performance.now() - began < 6000) {
      const { status, cause, output } = await app.health();
      if (status !== "pass") others.push(`${status} ${cause} ${output}`);
      await sleep(100);
    }
    const seconds = (performance.now() - began) / 1000;
    expect(others).toEqual([]);
    expect((await countOf("slow.written")) - before).toBeLessThanOrEqual(Math.ceil(seconds / 2) + 1);
  });

  it("lets the log know of a cause that nobody asks for", async () => {
    await passes();
    await eventually(async () => verdicts(app).at(-1) === "pass null", { what: "the log of a pass" });
    await database.pgbouncer.console("PAUSE");
    repairs.push(() => database.pgbouncer.console("RESUME").catch(() => {}));
    await eventually(async () => verdicts(app).at(-1) === "fail pgbouncer_paused", {
      what: "the log of the cause",
      timeoutMs: 10_000,
    });
    await database.pgbouncer.console("RESUME");
    await eventually(async () => verdicts(app).at(-1) === "pass null", {
      what: "the log of its end",
      timeoutMs: 10_000,
    });
  });

  // Counts of sessions wait for the lock, too, and pause after that.
  it("shows PgBouncer's pools and Postgres' sessions as they are, while a lock is held", async () => {
    await passes();
    await database.asSuperuser(async (holder) => {
      await holder.query("BEGIN; SELECT pg_advisory_lock(1)");
      await holder.query("LOCK TABLE app.chat_sessions IN ACCESS EXCLUSIVE MODE");
      // Seven clients of another user than health's own, so that two of them wait and health does not.
      const url = new URL(database.urls.database);
      const { username, password } = new URL(database.urls.monitor);
      Object.assign(url, { username, password });
      const clients = Array.from(
        { length: POOL_SIZE + 2 },
        () => new pg.Client({ connectionString: url.href }),
      );
      for (const client of clients) client.on("error", () => {}); // cut where the test failed
      repairs.push(() => Promise.all(clients.map((client) => client.end().catch(() => {}))));
      await Promise.all(clients.map((client) => client.connect()));
      const waiting = clients.map((client) => client.query("SELECT pg_advisory_xact_lock_shared(1)"));
      for (const one of waiting) one.catch(() => {});
      const requests = [app.get("/api/sessions"), app.get("/api/sessions")];
      const last: { health?: unknown; real?: unknown } = {};
      await eventually(
        async () => {
          const { pool } = await app.health();
          last.health = [
            withoutWait(pool.pgbouncer.pools),
            Object.entries(pool.postgres.byState ?? {}).sort(),
          ];
          last.real = [withoutWait(await realPools()), await realStates(holder)];
          const shown = JSON.stringify(last.health);
          return shown === JSON.stringify(last.real) && shown.includes('"cl_waiting":2');
        },
        { what: "figures as they are" },
      ).catch((error: Error) => {
        throw new Error(`${error.message}; ${JSON.stringify(last)}`);
      });
      const held = await realPools();
      const [pool] = held.filter(({ user }) => user === username);
      expect(pool).toMatchObject({ cl_active: POOL_SIZE, cl_waiting: 2, sv_active: POOL_SIZE, sv_idle: 0 });
      await holder.query("SELECT pg_advisory_unlock(1)");
      await holder.query("ROLLBACK");
      await Promise.all(waiting);
      expect((await Promise.all(requests)).map(({ status }) => status)).toEqual([200, 200]);
    });
    await passes();
  });
});

function verdicts(app: AppProcess): string[] {
  return app.lines
    .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
    .filter(({ msg }) => msg === "health of the database")
    .map(({ status, cause }) => `${status} ${cause}`);
}

/** Pools without the waits, which grow between two looks, and without what SHOW POOLS does not say; in one order. */
function withoutWait(pools: unknown): unknown[] {
  if (!Array.isArray(pools)) return [];
  return pools
    .map(({ database, user, cl_active, cl_waiting, sv_active, sv_idle, sv_used, poolSize }) => {
      return { database, user, cl_active, cl_waiting, sv_active, sv_idle, sv_used, poolSize };
    })
    .sort((a, b) => String(a.user).localeCompare(String(b.user)));
}
