import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import pg from "pg";
import { roles, schemaName } from "../../infra/names.ts";
import { engine } from "../../test/e2e/support/engine.ts";
import type { TestStack } from "../../test/e2e/support/stack.ts";

const components = ["postgres", "pgbouncer", "app"] as const;
type Component = (typeof components)[number];

/** Everything that a plain script needs to build the same stack again, taken from the running one. */
export interface Recording {
  readonly containers: Record<Component, Docker.ContainerInspectInfo>;
  readonly files: Record<Component, Buffer>;
  readonly roles: string[];
  readonly migrations: string;
  readonly superuserUrl: URL;
  readonly ownerUrl: string;
  readonly healthUrl: string;
  readonly healthToken: string;
}

const configFolder: Record<Component, string> = {
  postgres: "/etc/poolkit",
  pgbouncer: "/etc/poolkit",
  app: "/run/poolkit",
};

export async function record(stack: TestStack): Promise<Recording> {
  const outputs = await stack.outputs();
  const superuserUrl = new URL(outputs.directDatabaseUrl);
  superuserUrl.username = roles.superuser;
  superuserUrl.password = stack.passwordOf(roles.superuser);
  const created = await stack.sql<{ statement: string }>(
    `SELECT format('CREATE ROLE %I LOGIN PASSWORD %L CONNECTION LIMIT %s', rolname, rolpassword, rolconnlimit) AS statement
     FROM pg_authid WHERE rolname LIKE 'poolkit%'`,
    superuserUrl.href,
  );
  const set = await stack.sql<{ statement: string }>(
    `SELECT format('ALTER ROLE %I SET %s = %L', rolname, split_part(setting, '=', 1), split_part(setting, '=', 2)) AS statement
     FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting`,
    superuserUrl.href,
  );
  const applied = await stack.sql<{ statement: string }>(
    `SELECT format('INSERT INTO _prisma_migrations VALUES (%L, %L, now(), %L, NULL, NULL, now(), 1)', id, checksum, migration_name) AS statement
     FROM ${schemaName}._prisma_migrations`,
  );
  const of = async <T>(read: (component: Component) => Promise<T>) => ({
    postgres: await read("postgres"),
    pgbouncer: await read("pgbouncer"),
    app: await read("app"),
  });
  return {
    containers: await of((component) => stack.container(component).inspect()),
    files: await of((component) => archive(stack, component)),
    roles: [...created, ...set].map(({ statement }) => statement),
    migrations: [migrationSql(), prismaTable, ...applied.map(({ statement }) => statement)].join(";\n"),
    superuserUrl,
    ownerUrl: outputs.directDatabaseUrl,
    healthUrl: outputs.healthUrl,
    healthToken: outputs.healthToken,
  };
}

/** The same network, volumes, files, containers, roles, tables and health as `pulumi up`, by raw calls in a row. */
export async function deployRaw(stack: string, recording: Recording): Promise<void> {
  const labels = { "poolkit.stack": stack };
  await engine.createNetwork({ Name: `poolkit-${stack}`, Labels: labels });
  await Promise.all([
    engine.createVolume({ Name: `poolkit-${stack}-postgres-data`, Labels: labels }),
    ...components.map((component) => writeFiles(stack, component, recording)),
  ]);
  await start(stack, "postgres", recording);
  await until(() => accepts(recording.superuserUrl.href.replace(/\/[^/]*$/, "/postgres")));
  await prepareDatabase(recording);
  await start(stack, "pgbouncer", recording);
  await start(stack, "app", recording);
  await until(() => healthy(recording));
}

async function archive(stack: TestStack, component: Component): Promise<Buffer> {
  const stream = await stack.container(component).getArchive({ path: `${configFolder[component]}/.` });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function writeFiles(stack: string, component: Component, recording: Recording): Promise<void> {
  const volume = `poolkit-${stack}-${component}-config`;
  await engine.createVolume({ Name: volume, Labels: { "poolkit.stack": stack } });
  const helper = await engine.createContainer({
    Image: recording.containers[component].Image,
    HostConfig: { Binds: [`${volume}:${configFolder[component]}`] },
  });
  await helper.putArchive(recording.files[component], { path: configFolder[component] });
  await helper.remove();
}

async function start(stack: string, component: Component, { containers }: Recording): Promise<void> {
  const { Id, Image, Config, HostConfig } = containers[component];
  const container = await engine.createContainer({
    name: `poolkit-${stack}-${component}`,
    Image,
    Env: Config.Env,
    Labels: Config.Labels,
    HostConfig: { ...HostConfig, NetworkMode: `poolkit-${stack}` },
    // PgBouncer's files know Postgres by the id of the container that they were recorded with.
    NetworkingConfig: {
      EndpointsConfig: { [`poolkit-${stack}`]: { Aliases: [component, Id.slice(0, 12)] } },
    },
  });
  await container.start();
}

async function prepareDatabase(recording: Recording): Promise<void> {
  const administration = new URL(recording.superuserUrl);
  const database = administration.pathname.slice(1);
  administration.pathname = "/postgres";
  const rest = recording.roles.filter((statement) => statement.startsWith("ALTER"));
  await run(administration.href, [
    ...recording.roles.filter((statement) => statement.startsWith("CREATE")),
    `GRANT pg_monitor TO ${roles.monitor}`,
    `CREATE DATABASE ${database} OWNER ${roles.owner} TEMPLATE template0 ENCODING 'UTF8'`,
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${database} TO ${roles.app}, ${roles.monitor}`,
    ...rest,
  ]);
  await run(recording.superuserUrl.href, [
    `CREATE SCHEMA ${schemaName} AUTHORIZATION ${roles.owner}`,
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    `GRANT USAGE ON SCHEMA ${schemaName} TO ${roles.app}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${roles.owner} IN SCHEMA ${schemaName} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${roles.app}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${roles.owner} IN SCHEMA ${schemaName} GRANT SELECT, USAGE ON SEQUENCES TO ${roles.app}`,
  ]);
  await run(recording.ownerUrl, [recording.migrations]);
}

async function run(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function accepts(url: string): Promise<boolean> {
  try {
    await run(url, ["SELECT 1"]);
    return true;
  } catch {
    return false;
  }
}

async function healthy({ healthUrl, healthToken }: Recording): Promise<boolean> {
  try {
    const response = await fetch(healthUrl, { headers: { authorization: `Bearer ${healthToken}` } });
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null && "status" in body && body.status === "pass";
  } catch {
    return false;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("the raw script's stack did not become ready within 60 s");
    await sleep(50);
  }
}

function migrationSql(): string {
  const root = join(import.meta.dirname, "../../prisma/migrations");
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map(({ name }) => name)
    .sort()
    .map((name) => readFileSync(join(root, name, "migration.sql"), "utf8"))
    .join("\n");
}

const prismaTable = `CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
  finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`;
