import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { budgetOf } from "../../infra/budget/budget.ts";
import { roles } from "../../infra/names.ts";
import { renderIni, renderUserlist } from "../../pgbouncer/render.ts";
import { projectImage } from "../../test/provider/support/images.ts";
import { makePlace } from "../../test/provider/support/place.ts";
import { scramVerifier } from "../../test/provider/support/scram.ts";
import { addressOf } from "../../test/support/app-database.ts";
import { type Postgres18, startPostgres18 } from "../../test/support/postgres18.ts";
import { databaseName, type Sample, serverSizes, superuserReserved } from "./draw.ts";

export const password = "budget-password";
/** The same for every role: PgBouncer logs in to Postgres with it only when both hold the identical one. */
const verifier = scramVerifier(password);

/** A PgBouncer of the kit's own image before one Postgres per size; one configuration runs at a time. */
export interface Lane {
  /** Makes PgBouncer run the sample's configuration, with no connection left over from the former one. */
  use(sample: Sample): Promise<Ports>;
  remove(): Promise<void>;
}

export interface Ports {
  readonly pgbouncer: number;
  readonly postgres: number;
}

export async function openLane(): Promise<Lane> {
  const servers = new Map<number, Postgres18>();
  const place = await makePlace();
  const remove = async () => {
    await place.remove();
    await Promise.all([...servers.values()].map((server) => server.stop()));
  };
  try {
    for (const size of serverSizes) servers.set(size, await startServer(size));
    const verifiers = [roles.app, roles.monitor, roles.admin].map((role) => [role, verifier]);
    await place.edit("userlist.txt", renderUserlist(Object.fromEntries(verifiers)));
    await place.edit("pgbouncer.ini", "[pgbouncer]\n");
    let isStarted = false;
    const admin = (commands: readonly string[]) => runOnConsole(place.hostPort, commands);
    return {
      async use(sample) {
        const size = sample.deployment.limits.postgresMaxConnections;
        const server = servers.get(size);
        if (server === undefined) throw new Error(`no server with max_connections ${size}`);
        const { sizing, budget } = budgetOf(sample.input, sample.deployment);
        await prepareRole(server, budget.roleLimits.application);
        const place5432 = { host: await addressOf(server.containerId), port: "5432" };
        const databases = Object.fromEntries(
          Object.entries(sizing.pgbouncer.databases).map(([name, keys]) => [name, { ...keys, ...place5432 }]),
        );
        await place.edit("pgbouncer.ini", renderIni({ ...sizing.pgbouncer, databases }));
        if (!isStarted) {
          await place.start(await projectImage("pgbouncer/image"), 6432);
          isStarted = true;
        }
        await admin(["RELOAD", `KILL ${databaseName}`, `RESUME ${databaseName}`]);
        await waitUntilAlone(server);
        return { pgbouncer: place.hostPort, postgres: server.port };
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function startServer(maxConnections: number): Promise<Postgres18> {
  const server = await startPostgres18({
    settings: {
      max_connections: String(maxConnections),
      superuser_reserved_connections: String(superuserReserved),
      shared_buffers: "16MB",
    },
  });
  await asSuperuser(server, [
    ...[roles.app, roles.owner].map((role) => `CREATE ROLE ${role} LOGIN PASSWORD '${verifier}'`),
    `CREATE DATABASE ${databaseName}`,
  ]);
  return server;
}

function prepareRole(server: Postgres18, limit: number): Promise<void> {
  return asSuperuser(server, [`ALTER ROLE ${roles.app} CONNECTION LIMIT ${limit}`]);
}

async function asSuperuser(server: Postgres18, statements: readonly string[]): Promise<void> {
  const { host, port } = server;
  const client = new pg.Client({
    host,
    port,
    user: "postgres",
    password: server.password,
    database: "postgres",
  });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function runOnConsole(port: number, commands: readonly string[]): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const client = new pg.Client({
      host: "127.0.0.1",
      port,
      user: roles.admin,
      password,
      database: "pgbouncer",
    });
    client.on("error", () => {});
    try {
      await client.connect();
      for (const command of commands) await client.query(command);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      await client.end().catch(() => {});
    }
    await sleep(100);
  }
}

/** Backends end a moment after their clients: the next run must not count them. */
async function waitUntilAlone(server: Postgres18): Promise<void> {
  const { host, port } = server;
  const client = new pg.Client({
    host,
    port,
    user: "postgres",
    password: server.password,
    database: "postgres",
  });
  await client.connect();
  try {
    const others =
      "SELECT count(*)::int AS others FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    const deadline = Date.now() + 20_000;
    while ((await client.query<{ others: number }>(others)).rows[0]?.others !== 0) {
      if (Date.now() > deadline) throw new Error("connections of the former run do not end");
      await sleep(50);
    }
  } finally {
    await client.end();
  }
}
