import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import Docker from "dockerode";
import pg from "pg";
import { type PgBouncer, startPgBouncer } from "./pgbouncer.ts";
import { type Postgres18, type Postgres18Options, startPostgres18 } from "./postgres18.ts";

const MIGRATIONS = path.resolve(import.meta.dirname, "../../prisma/migrations");
/** Passwords of a database that lives for one test run on loopback. */
const PASSWORDS = {
  poolkit_owner: "owner-pw",
  poolkit_app: "app-pw-canary",
  poolkit_monitor: "monitor-pw-canary",
};

/** Postgres and PgBouncer as a stack has them: roles, schema, migrations, seed. */
export interface AppDatabase {
  readonly postgres: Postgres18;
  readonly pgbouncer: PgBouncer;
  /** The owner's direct login. */
  readonly owner: Login;
  readonly urls: { readonly database: string; readonly monitor: string; readonly console: string };
  /** Runs `work` on a direct connection as superuser. */
  asSuperuser<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

/** A login to the test's own Postgres. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Starts both containers and makes what infra would make. `pgbouncerSettings` override the [pgbouncer] section. */
export async function startAppDatabase(
  pgbouncerSettings: Record<string, string> = {},
  postgresOptions: Postgres18Options = {},
): Promise<AppDatabase> {
  const postgres = await startPostgres18(postgresOptions);
  try {
    const asSuperuser = <Result>(work: (client: pg.Client) => Promise<Result>, database = "poolkit") =>
      withClient({ port: postgres.port, user: "postgres", password: postgres.password, database }, work);
    await asSuperuser(createRoles, "postgres");
    await asSuperuser(createSchema);
    const owner = {
      host: "127.0.0.1",
      port: postgres.port,
      user: "poolkit_owner",
      password: PASSWORDS.poolkit_owner,
      database: "poolkit",
    };
    await withClient(owner, migrate);
    const pgbouncer = await startPgBouncer({
      databases: { poolkit: `host=${await addressOf(postgres.containerId)} port=5432 dbname=poolkit` },
      settings: {
        stats_users: "poolkit_monitor",
        default_pool_size: "5",
        max_client_conn: "200",
        ...pgbouncerSettings,
      },
      userlist: await asSuperuser(verifiers),
    });
    const at = (port: number, role: "poolkit_app" | "poolkit_monitor", database: string) =>
      `postgres://${role}:${PASSWORDS[role]}@127.0.0.1:${port}/${database}`;
    return {
      postgres,
      pgbouncer,
      owner,
      urls: {
        database: at(pgbouncer.port, "poolkit_app", "poolkit"),
        monitor: at(postgres.port, "poolkit_monitor", "poolkit"),
        console: at(pgbouncer.port, "poolkit_monitor", "pgbouncer"),
      },
      asSuperuser,
      async stop() {
        await Promise.all([pgbouncer.stop(), postgres.stop()]);
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

async function withClient<Result>(
  options: pg.ClientConfig,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ host: "127.0.0.1", ...options });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function createRoles(client: pg.Client): Promise<void> {
  for (const [role, password] of Object.entries(PASSWORDS)) {
    await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  }
  await client.query("GRANT pg_monitor TO poolkit_monitor");
  await client.query("CREATE DATABASE poolkit OWNER poolkit_owner");
}

async function createSchema(client: pg.Client): Promise<void> {
  await client.query(`
    CREATE SCHEMA app AUTHORIZATION poolkit_owner;
    ALTER ROLE poolkit_owner IN DATABASE poolkit SET search_path = app;
    ALTER ROLE poolkit_app IN DATABASE poolkit SET search_path = app;
    GRANT USAGE ON SCHEMA app TO poolkit_app;
    ALTER DEFAULT PRIVILEGES FOR ROLE poolkit_owner IN SCHEMA app
      GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO poolkit_app`);
}

/** Applies the migrations as Prisma does: each in one transaction, each recorded in _prisma_migrations. */
async function migrate(client: pg.Client): Promise<void> {
  await client.query(`CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
    finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`);
  const folders = readdirSync(MIGRATIONS, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const name of folders.map((entry) => entry.name).sort()) {
    await client.query(
      `BEGIN;\n${readFileSync(path.join(MIGRATIONS, name, "migration.sql"), "utf8")}\nCOMMIT`,
    );
    await client.query(
      "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES (gen_random_uuid(), '', now(), $1)",
      [name],
    );
  }
}

/** The roles' SCRAM verifiers as Postgres stores them, for PgBouncer's userlist. */
async function verifiers(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ rolname: string; rolpassword: string }>(
    "SELECT rolname, rolpassword FROM pg_authid WHERE rolname IN ('poolkit_app', 'poolkit_monitor')",
  );
  return Object.fromEntries(rows.map((row) => [row.rolname, row.rolpassword]));
}

/** The container's address on the engine's default bridge. */
export async function addressOf(containerId: string): Promise<string> {
  const { NetworkSettings } = await new Docker().getContainer(containerId).inspect();
  const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress;
  if (!address) throw new Error(`container ${containerId} has no address`);
  return address;
}
