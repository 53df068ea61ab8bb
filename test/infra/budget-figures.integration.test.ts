import Docker from "dockerode";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kitDeployment } from "../../infra/budget/deployment.ts";
import { backendMegabytes } from "../../infra/budget/resource-checks.ts";
import { postgresSettings } from "../../infra/postgres-settings.ts";
import { type AppDatabase, startAppDatabase } from "../support/app-database.ts";
import { AppProcess, HEALTH_TOKEN } from "../support/app-process.ts";
import { engineAvailable, type Postgres18, startPostgres18 } from "../support/postgres18.ts";

const { limits } = kitDeployment;

/** Connects until somebody says no; returns how many there were and why no more. Closes all of them. */
async function countUntilRefused(config: pg.ClientConfig, atMost: number) {
  const clients: pg.Client[] = [];
  let reason = "";
  while (reason === "" && clients.length < atMost) {
    const client = new pg.Client(config);
    client.on("error", () => {});
    await client.connect().then(
      () => clients.push(client),
      (error: Error) => {
        reason = error.message;
      },
    );
  }
  const count = clients.length;
  await Promise.all(clients.map((client) => client.end()));
  return { count, reason };
}

describe.skipIf(!(await engineAvailable()))("what the account says of Postgres", () => {
  let postgres: Postgres18;
  let superuser: pg.Client;
  const login = (user: string, password: string) => ({
    host: postgres.host,
    port: postgres.port,
    user,
    password,
    database: "postgres",
  });

  beforeAll(async () => {
    const { listen_addresses: _, unix_socket_directories: __, ...settings } = postgresSettings;
    postgres = await startPostgres18({ settings });
    superuser = new pg.Client(login("postgres", postgres.password));
    await superuser.connect();
    await superuser.query("CREATE ROLE worker LOGIN PASSWORD 'worker'");
  });
  afterAll(async () => {
    await superuser?.end();
    await postgres?.stop();
  });

  it.each([
    ["max_connections", limits.postgresMaxConnections],
    ["superuser_reserved_connections", limits.superuserReservedConnections],
    ["reserved_connections", limits.reservedConnections],
    ["autovacuum_max_workers", limits.autovacuumWorkers],
    ["shared_buffers", limits.sharedBuffersMegabytes * 128], // pages of 8 kB
    ["work_mem", limits.workMegabytes * 1024], // kB
    ["maintenance_work_mem", limits.maintenanceWorkMegabytes * 1024],
    ["hash_mem_multiplier", 2],
    ["deadlock_timeout", 1000],
    // PgBouncer's idle servers are its own matter (server_idle_timeout): Postgres must not close them.
    ["idle_session_timeout", 0],
  ])("%s is %i on a server with the kit's settings", async (name, value) => {
    const { rows } = await superuser.query("SELECT setting FROM pg_settings WHERE name = $1", [name]);
    expect(Number(rows[0]?.setting)).toBe(value);
  });

  it("it lets exactly that many roles without rights in, and a superuser still gets in", async () => {
    const slots =
      limits.postgresMaxConnections - limits.superuserReservedConnections - limits.reservedConnections;
    // One of them is this test's own superuser.
    const { count, reason } = await countUntilRefused(login("worker", "worker"), 200);
    expect(count).toBe(slots - 1);
    expect(reason).toContain("remaining connection slots");
  });

  it("a backend that has seen the catalogue takes no more than it is charged", async () => {
    const container = new Docker().getContainer(postgres.containerId);
    const anonymous = async () => {
      const { memory_stats } = await container.stats({ stream: false });
      // Private memory: `anon` in cgroup v2, `total_rss` in v1.
      const { stats } = memory_stats;
      return Number(Reflect.get(stats, "anon") ?? Reflect.get(stats, "total_rss"));
    };
    const before = await anonymous();
    const clients = Array.from({ length: 40 }, () => new pg.Client(login("worker", "worker")));
    try {
      for (const client of clients) {
        await client.connect();
        await client.query("SELECT count(*) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid");
        await client.query("SELECT * FROM information_schema.columns ORDER BY 1, 2, 3");
      }
      const megabytes = ((await anonymous()) - before) / clients.length / 1_048_576;
      expect(megabytes).toBeGreaterThan(0.5);
      expect(megabytes).toBeLessThan(backendMegabytes);
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });
});

describe.skipIf(!(await engineAvailable()))("what the account says of PgBouncer and the application", () => {
  let database: AppDatabase;
  const clientLimit = 12;

  beforeAll(async () => {
    database = await startAppDatabase({ max_client_conn: String(clientLimit) });
  });
  afterAll(async () => {
    await database?.stop();
  });

  it("a console is never refused, but takes one of the clients' places", async () => {
    const console = new pg.Client(database.urls.console);
    await console.connect();
    try {
      const { count, reason } = await countUntilRefused({ connectionString: database.urls.database }, 40);
      expect(count).toBe(clientLimit - 1);
      expect(reason).toContain("no more connections allowed");
    } finally {
      await console.end();
    }
    expect(await countUntilRefused({ connectionString: database.urls.console }, clientLimit + 3)).toEqual({
      count: clientLimit + 3,
      reason: "",
    });
  });

  it("the application's health opens no more connections than it is charged", async () => {
    const app = await AppProcess.start({
      settings: { DATABASE_CONNECTION_LIMIT: "2", USE_ENHANCED_POOLING: "true" },
      databaseUrl: database.urls.database,
      monitorUrl: database.urls.monitor,
      consoleUrl: database.urls.console,
    });
    const peak = { clients: 0, consoles: 0, connections: 0 };
    let isOver = false;
    const watch = async () => {
      const console = new pg.Client(database.urls.console);
      await console.connect();
      const isHealth = (row: Record<string, unknown>) => row.application_name === "poolkit-health";
      while (!isOver) {
        const { rows } = await console.query<Record<string, unknown>>("SHOW CLIENTS");
        const health = rows.filter(isHealth);
        const consoles = health.filter((row) => row.database === "pgbouncer").length;
        peak.consoles = Math.max(peak.consoles, consoles);
        peak.clients = Math.max(peak.clients, health.length - consoles);
      }
      await console.end();
    };
    const watchPostgres = () =>
      database.asSuperuser(async (client) => {
        while (!isOver) {
          const { rows } = await client.query(
            "SELECT count(*)::int AS direct FROM pg_stat_activity WHERE application_name = 'poolkit-health' AND usename = 'poolkit_monitor'",
          );
          peak.connections = Math.max(peak.connections, Number(rows[0]?.direct));
        }
      });
    try {
      const watching = [watch(), watchPostgres()];
      const deadline = Date.now() + 6_000;
      const ask = async () => {
        while (Date.now() < deadline) {
          await fetch(`${app.url}/api/admin/database-health`, {
            headers: { authorization: `Bearer ${HEALTH_TOKEN}` },
          }).then((response) => response.arrayBuffer());
        }
      };
      await Promise.all(Array.from({ length: 8 }, ask));
      isOver = true;
      await Promise.all(watching);
    } finally {
      isOver = true;
      await app.stop();
    }
    expect(peak.clients).toBeGreaterThan(0);
    expect(peak.consoles).toBeGreaterThan(0);
    expect(peak.connections).toBeGreaterThan(0);
    // The trial login of a live change comes on top of the two probes.
    expect(peak.clients).toBeLessThanOrEqual(kitDeployment.probeClients - 1);
    expect(peak.consoles).toBeLessThanOrEqual(kitDeployment.probeConsoles);
    expect(peak.connections).toBeLessThanOrEqual(kitDeployment.probeConnections);
  });
});
