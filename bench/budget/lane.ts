import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { budgetOf } from "../../infra/budget/budget.ts";
import type { RoleLimits } from "../../infra/budget/server-checks.ts";
import { roles } from "../../infra/names.ts";
import { renderIni, renderUserlist } from "../../pgbouncer/render.ts";
import { projectImage } from "../../test/provider/support/images.ts";
import { makePlace, type Place } from "../../test/provider/support/place.ts";
import { scramVerifier } from "../../test/provider/support/scram.ts";
import { addressOf } from "../../test/support/app-database.ts";
import { type Postgres18, startPostgres18 } from "../../test/support/postgres18.ts";
import { databaseName, jobsName, type Sample, serverSizes, superuserReserved } from "./draw.ts";

export const password = "budget-password";
/** The same for every role: PgBouncer logs in to Postgres with it only when both hold the identical one. */
const verifier = scramVerifier(password);

/**
 * A PgBouncer of the kit's own image (two, when a configuration has a peer) before one Postgres per size; one configuration
 * runs at a time.
 */
export interface Lane {
  /**
   * Makes PgBouncer run the sample's configuration, with no connection left over from the former one. `edited` changes
   * the file, for what the kit would not write.
   */
  use(
    sample: Pick<Sample, "input" | "deployment">,
    edited?: (pgbouncerIni: string) => string,
  ): Promise<Ports>;
  remove(): Promise<void>;
}

export interface Ports {
  readonly pgbouncer: number;
  /** The second PgBouncer; the first one where there is none. */
  readonly peer: number;
  readonly postgres: number;
}

export async function openLane(): Promise<Lane> {
  const servers = new Map<number, Postgres18>();
  const poolers: Pooler[] = [];
  const remove = async () => {
    await Promise.all(poolers.map((pooler) => pooler.place.remove()));
    await Promise.all([...servers.values()].map((server) => server.stop()));
  };
  try {
    for (const size of serverSizes) servers.set(size, await startServer(size));
    return {
      async use(sample, edited = (ini) => ini) {
        const size = sample.deployment.limits.postgresMaxConnections;
        const server = servers.get(size);
        if (server === undefined) throw new Error(`no server with max_connections ${size}`);
        const { sizing, budget } = budgetOf(sample.input, sample.deployment);
        await limitRoles(server, budget.roleLimits);
        const place5432 = { host: await addressOf(server.containerId), port: "5432" };
        const databases = Object.fromEntries(
          Object.entries(sizing.pgbouncer.databases).map(([name, keys]) => [name, { ...keys, ...place5432 }]),
        );
        const numbers = ["1", ...Object.keys(sizing.pgbouncer.peers)];
        while (poolers.length < numbers.length) poolers.push(await makePooler());
        for (const [index, pooler] of poolers.entries()) {
          const number = numbers[index];
          const own: Record<string, string> =
            numbers.length > 1 && number !== undefined ? { peer_id: number } : {};
          const settings = { ...sizing.pgbouncer.settings, ...own };
          // One that this configuration has not only lets go of what it still holds.
          const ini = number && edited(renderIni({ ...sizing.pgbouncer, settings, databases }));
          await runIn(pooler, ini);
        }
        await waitUntilAlone(server);
        const [first, peer = first] = poolers.slice(0, numbers.length).map(({ place }) => place.hostPort);
        if (first === undefined || peer === undefined) throw new Error("there is no PgBouncer");
        return { pgbouncer: first, peer, postgres: server.port };
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

interface Pooler {
  readonly place: Place;
  isStarted: boolean;
}

async function makePooler(): Promise<Pooler> {
  const place = await makePlace();
  const verifiers = [roles.app, roles.monitor, roles.admin].map((role) => [role, verifier]);
  await place.edit("userlist.txt", renderUserlist(Object.fromEntries(verifiers)));
  await place.edit("pgbouncer.ini", "[pgbouncer]\n");
  return { place, isStarted: false };
}

/** Makes it run the file; without one it only ends its connections. */
async function runIn(pooler: Pooler, ini: string | undefined): Promise<void> {
  if (ini !== undefined) await pooler.place.edit("pgbouncer.ini", ini);
  if (!pooler.isStarted) {
    await pooler.place.start(await projectImage("pgbouncer/image"), 6432);
    pooler.isStarted = true;
  }
  const entries = [databaseName, jobsName];
  await onConsole(pooler.place.hostPort, async (ask) => {
    await ask("RELOAD");
    const known = (await ask("SHOW DATABASES")).map(({ name }) => String(name));
    for (const name of entries.filter((entry) => known.includes(entry))) {
      await ask(`KILL ${name}`);
      await ask(`RESUME ${name}`);
    }
  });
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
    ...[roles.app, roles.owner, roles.monitor].map(
      (role) => `CREATE ROLE ${role} LOGIN PASSWORD '${verifier}'`,
    ),
    `CREATE DATABASE ${databaseName}`,
  ]);
  return server;
}

function limitRoles(server: Postgres18, { application, monitor }: RoleLimits): Promise<void> {
  return asSuperuser(server, [
    `ALTER ROLE ${roles.app} CONNECTION LIMIT ${application}`,
    `ALTER ROLE ${roles.monitor} CONNECTION LIMIT ${monitor}`,
  ]);
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

async function onConsole(
  port: number,
  work: (ask: (command: string) => Promise<Record<string, unknown>[]>) => Promise<void>,
): Promise<void> {
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
      return await work(async (command) => (await client.query(command)).rows);
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
