import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kitDeployment } from "../../infra/budget/deployment.ts";
import { roles } from "../../infra/names.ts";
import { freePort } from "../support/free-port.ts";
import { startLoad } from "../support/load.ts";
import { engine } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { secretsOf } from "./support/secrets.ts";
import { TestStack } from "./support/stack.ts";

/**
 * One dev stack from its first up on: the account of its connections against what is really opened, changes that keep
 * its rows, entries of PgBouncer. In this order: each part leaves the configuration as the next one needs it.
 */
const project = new Project();
let stack: TestStack;
let peaks: ReadonlyMap<string, number>;

beforeAll(async () => {
  stack = await TestStack.create(project, "dev");
  const get = ["config", "get", "--path", "poolkit:ports.postgres", ...stack.flag];
  const { text: port } = await stack.must(get);
  const watching = new AbortController();
  const watched = peakConnections(Number(port), watching.signal);
  await stack.mustUp();
  watching.abort();
  peaks = await watched;
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

async function addressOf(container: Docker.Container): Promise<string | undefined> {
  const { NetworkSettings } = await container.inspect();
  return NetworkSettings.Networks[`poolkit-${stack.name}`]?.IPAddress;
}

/** Another container in the stack's network. */
async function neighbour(): Promise<Docker.Container> {
  const container = await engine.createContainer({
    Image: process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim",
    Cmd: ["sleep", "300"],
    Labels: { "poolkit.stack": stack.name },
    HostConfig: { NetworkMode: `poolkit-${stack.name}` },
  });
  await container.start();
  return container;
}

/** The most connections that each of the deployer's parts had at the same moment, from the first login on. */
async function peakConnections(port: number, signal: AbortSignal): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  while (!signal.aborted) {
    const password = stack.passwordOf(roles.superuser);
    const config = { host: "127.0.0.1", port, user: roles.superuser, password, database: "postgres" };
    const client = new pg.Client({ ...config, application_name: "watcher", connectionTimeoutMillis: 1000 });
    client.on("error", () => {});
    try {
      await client.connect();
      while (!signal.aborted) {
        const { rows } = await client.query<{ part: string; connections: number }>(
          `SELECT CASE WHEN usename <> '${roles.superuser}' THEN usename
                       WHEN application_name = 'poolkit-deploy' THEN 'deploy' ELSE 'provider' END AS part,
                  count(*)::int AS connections
             FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND usename IS NOT NULL AND application_name <> 'watcher'
            GROUP BY 1`,
        );
        for (const { part, connections } of rows)
          found.set(part, Math.max(found.get(part) ?? 0, connections));
        await sleep(5);
      }
    } catch {
      await sleep(20); // not up yet
    } finally {
      await client.end().catch(() => {});
    }
  }
  return found;
}

const poolkit = (...args: string[]) =>
  project.run("node", ["cli/poolkit.js", "budget", ...args, ...stack.flag]);

describe("the account of a deployment", () => {
  it("counts at least what the first up opens", () => {
    const { providerConnections, providerDatabases } = kitDeployment;
    expect(peaks.get("provider")).toBeGreaterThan(0);
    expect(peaks.get("provider")).toBeLessThanOrEqual(providerConnections * providerDatabases);
    expect(peaks.get("deploy") ?? 0).toBeLessThanOrEqual(kitDeployment.deployConnections);
    expect(peaks.get(roles.owner)).toBeGreaterThan(0);
    expect(peaks.get(roles.owner)).toBeLessThanOrEqual(kitDeployment.migrationConnections);
    expect(peaks.get(roles.monitor) ?? 0).toBeLessThanOrEqual(kitDeployment.probeConnections);
  });

  it("is an output without secrets", async () => {
    const { text } = await stack.must(["stack", "output", "budget", ...stack.flag]);
    expect(JSON.parse(text)).toMatchObject({
      problems: [],
      advice: [],
      checks: {
        "pgbouncer-clients": { used: 30, limit: 50 },
        "postgres-connections": { limit: 97 },
      },
    });
    for (const secret of secretsOf(stack)) expect(text.includes(secret)).toBe(false);
  });

  it("is what the command prints", async () => {
    const { code, text } = await poolkit();
    expect(code, text).toBe(0);
    expect(text).toContain("=       30  in sum\n  ≤       50  max_client_conn");
  });

  it("is judged by the load of the stack", async () => {
    const { databaseUrl } = await stack.outputs();
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 });
    let isOver = false;
    const call = async () => {
      while (!isOver) await pool.query("SELECT pg_sleep(0.02), (SELECT count(*) FROM chat_sessions)");
    };
    const calls = Array.from({ length: 8 }, call);
    try {
      const { code, text } = await poolkit("--observe", "2s", "--json");
      expect(code, text).toBe(1);
      expect(JSON.parse(text)).toMatchObject({ verdict: "too small", poolSize: 5 });
      for (const secret of secretsOf(stack)) expect(text.includes(secret)).toBe(false);
    } finally {
      isOver = true;
      await Promise.all(calls);
      await pool.end();
    }
  });
});

describe("rows survive", () => {
  beforeAll(async () => {
    await stack.sql(
      "CREATE TABLE app.kept (id int PRIMARY KEY); INSERT INTO app.kept SELECT generate_series(1, 1000)",
    );
  });

  it("another preset, which replaces no container and reaches every process", async () => {
    const before = await ids();
    await stack.must(["config", "set", "poolkit:preset", "high-load", ...stack.flag]);
    const planned = await stack.preview("--diff");
    expect(planned.text).not.toMatch(/^\s*\+-/m);
    await stack.mustUp();
    expect(await ids()).toEqual(before);
    await expectRowsAndHealth();
    expect((await stack.health()).body).toMatchObject({
      pool: { application: { limit: 50, mode: "enhanced" } },
      configuration: { preset: "high-load" },
    });
    const config = await stack.console<{ key: string; value: string }>("SHOW CONFIG");
    expect(config.find(({ key }) => key === "max_client_conn")?.value).toBe("500");
  });

  it("the way back to the smaller preset, with more callers than its PgBouncer lets in", async () => {
    const before = await ids();
    const { url, apiToken } = await stack.outputs();
    const headers = { authorization: `Bearer ${apiToken}` };
    const load = startLoad(60, () => fetch(`${url}/api/dashboard`, { headers }));
    try {
      await load.progress(200);
      await stack.must(["config", "set", "poolkit:preset", "dev", ...stack.flag]);
      await stack.mustUp();
      await load.progress(200);
    } finally {
      expect((await load.stop()).failures).toEqual([]);
    }
    expect(await ids()).toEqual(before);
    await expectRowsAndHealth();
    const config = await stack.console<{ key: string; value: string }>("SHOW CONFIG");
    expect(config.find(({ key }) => key === "max_client_conn")?.value).toBe("50");
    const log = (await stack.container("pgbouncer").logs({ stdout: true, stderr: true })).toString();
    expect(log).not.toContain("no more connections allowed");
    const settled = await stack.up("--expect-no-changes");
    expect(settled.code, settled.text).toBe(0);
  });

  it("the end of PgBouncer's process after such changes: the engine starts it again", async () => {
    const container = stack.container("pgbouncer");
    const { Id, RestartCount } = await container.inspect();
    // The connection ends with the process.
    await stack.console("SHUTDOWN").catch(() => {});
    const patiently = { timeout: 30_000 };
    await expect
      .poll(async () => (await container.inspect()).RestartCount, patiently)
      .toBeGreaterThan(RestartCount);
    await stack.mustPass();
    expect((await container.inspect()).Id).toBe(Id);
  });

  it("another secretSeed: every password and token is another one, and no container is replaced", async () => {
    const before = await ids();
    const former = await stack.outputs();
    const secrets = secretsOf(stack);
    await stack.reseed();
    expect(secretsOf(stack).filter((secret) => secrets.includes(secret))).toEqual([]);
    await stack.mustUp();
    stack.forgetOutputs();
    expect(await ids()).toEqual(before);
    await expectRowsAndHealth();
    for (const url of [former.databaseUrl, former.directDatabaseUrl, former.monitorUrl, former.consoleUrl])
      await expect(stack.sql("SELECT 1", url)).rejects.toThrow(/password authentication failed|SASL/);
    for (const token of [former.healthToken, former.apiToken]) {
      const headers = { authorization: `Bearer ${token}` };
      expect((await fetch(former.healthUrl, { headers })).status).toBe(401);
    }
    await stack.must(["preview", "--refresh", "--expect-no-changes", ...stack.flag]);
  });

  it("a new application image, which replaces the application alone", async () => {
    const before = await ids();
    // A comment would be bundled away: the bundle itself must differ.
    appendFileSync(join(project.directory, "app", "server.ts"), "\nprocess.title = `poolkit-app`;\n");
    await stack.mustUp();
    const after = await ids();
    expect(after.app).not.toBe(before.app);
    expect(after).toMatchObject({ postgres: before.postgres, pgbouncer: before.pgbouncer });
    await expectRowsAndHealth();
  });

  it("other host ports, for which Pulumi itself replaces the containers, and another secretSeed at once", async () => {
    const before = await ids();
    const { pgbouncerPort } = await stack.outputs();
    for (const component of ["postgres", "pgbouncer", "app"])
      await stack.setPath(`poolkit:ports.${component}`, String(await freePort()));
    await stack.reseed();
    await stack.mustUp();
    stack.forgetOutputs();
    expect((await stack.outputs()).pgbouncerPort).not.toBe(pgbouncerPort);
    const after = await ids();
    for (const component of ["postgres", "pgbouncer", "app"] as const)
      expect(after[component]).not.toBe(before[component]);
    await expectRowsAndHealth();
  });

  it("new containers of PgBouncer and Postgres, after somebody removed them", async () => {
    const before = await ids();
    await stack.container("pgbouncer").remove({ force: true });
    await stack.container("postgres").remove({ force: true });
    const repaired = await project.run("node", ["cli/poolkit.js", "up", ...stack.flag]);
    expect(repaired.code, repaired.text).toBe(0);
    const after = await ids();
    expect(after.postgres).not.toBe(before.postgres);
    expect(after.pgbouncer).not.toBe(before.pgbouncer);
    await expectRowsAndHealth();
  });

  it("a new container of Postgres at another address, for which PgBouncer's resolver would not ask again", async () => {
    const before = await ids();
    const former = await addressOf(stack.container("postgres"));
    await stack.container("postgres").remove({ force: true });
    const others: Docker.Container[] = [];
    try {
      // Until one of them has its address.
      while (others.length < 20) {
        const other = await neighbour();
        others.push(other);
        if ((await addressOf(other)) === former) break;
      }
      const repaired = await project.run("node", ["cli/poolkit.js", "up", ...stack.flag]);
      expect(repaired.code, repaired.text).toBe(0);
    } finally {
      for (const other of others) await other.remove({ force: true });
    }
    expect(await addressOf(stack.container("postgres"))).not.toBe(former);
    expect((await ids()).pgbouncer).toBe(before.pgbouncer);
    await expectRowsAndHealth();
  });

  it("an image that does not build, and then nothing else of the change happens", async () => {
    const { consoleUrl } = await stack.outputs();
    const before = await stack.sql("SHOW CONFIG", consoleUrl);
    const dockerfile = join(project.directory, "app", "Dockerfile");
    const good = readFileSync(dockerfile, "utf8");
    const failsLate = ["node", "-e", "setTimeout(() => process.exit(1), 3000)"];
    writeFileSync(dockerfile, `${good}\nRUN ${JSON.stringify(failsLate)}\n`);
    await stack.must(["config", "set", "poolkit:preset", "high-load", ...stack.flag]);
    await stack.reseed();
    const refused = await stack.up();
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain("images-app **creating failed**");
    // By the former login.
    expect(await stack.sql("SHOW CONFIG", consoleUrl)).toEqual(before);
    await expectRowsAndHealth();
    writeFileSync(dockerfile, good);
    await stack.must(["config", "set", "poolkit:preset", "dev", ...stack.flag]);
    await stack.mustUp();
    stack.forgetOutputs();
    await expectRowsAndHealth();
  });

  it("a change that PgBouncer's budget of settings refuses, which changes nothing", async () => {
    const before = await stack.console("SHOW CONFIG");
    await stack.setPath("poolkit:pgbouncer.defualt_pool_size", "9");
    const refused = await stack.up();
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain("poolkit:pgbouncer.defualt_pool_size");
    expect(await stack.console("SHOW CONFIG")).toEqual(before);
    await expectRowsAndHealth();
    await stack.must(["config", "rm", "--path", "poolkit:pgbouncer.defualt_pool_size", ...stack.flag]);
  });
});

describe("entries of databases and users", () => {
  it("change live, are read back, and count", async () => {
    const before = await stack.container("pgbouncer").inspect();
    await stack.setPath("poolkit:pgbouncer.databases.poolkit.pool_size", "6");
    await stack.setPath("poolkit:pgbouncer.databases.jobs.pool_mode", "session");
    await stack.setPath("poolkit:pgbouncer.databases.jobs.pool_size", "2");
    await stack.setPath("poolkit:pgbouncer.databases.jobs.reserve_pool_size", "0");
    await stack.setPath("poolkit:pgbouncer.users.poolkit_app.max_user_connections", "9");
    await stack.mustUp();

    const databases = await stack.console<{ name: string; pool_size: number; pool_mode: string | null }>(
      "SHOW DATABASES",
    );
    const of = (name: string) => databases.find((row) => row.name === name);
    expect(of("poolkit")).toMatchObject({ pool_size: 6 });
    expect(of("jobs")).toMatchObject({ pool_size: 2, pool_mode: "session" });
    const users = await stack.console<{ name: string; max_user_connections: number }>("SHOW USERS");
    expect(users.find((row) => row.name === roles.app)).toMatchObject({ max_user_connections: 9 });
    expect((await stack.container("pgbouncer").inspect()).Id).toBe(before.Id);

    const { databaseUrl } = await stack.outputs();
    const jobs = await stack.sql(
      "SELECT current_database() AS name",
      databaseUrl.replace(/\/poolkit$/, "/jobs"),
    );
    expect(jobs).toEqual([{ name: "poolkit" }]);

    await stack.must(["preview", "--expect-no-changes", ...stack.flag]);
  });

  it("that are set by hand on the console are drift, and the next up takes them back", async () => {
    await stack.console("SET max_db_connections = 3");
    const preview = await stack.must(["preview", "--refresh", ...stack.flag]);
    expect(preview.text).toContain("pooler-config");
    await stack.mustUp("--refresh");
    const config = await stack.console<{ key: string; value: string }>("SHOW CONFIG");
    expect(config.find(({ key }) => key === "max_db_connections")).toMatchObject({ value: "10" });
  });
});

async function ids(): Promise<Record<string, string>> {
  const components = ["postgres", "pgbouncer", "app"] as const;
  const inspected = await Promise.all(components.map((component) => stack.container(component).inspect()));
  return Object.fromEntries(components.map((component, index) => [component, inspected[index]?.Id ?? ""]));
}

async function expectRowsAndHealth(): Promise<void> {
  expect(await stack.sql("SELECT count(*)::int AS rows, sum(id)::int AS sum FROM app.kept")).toEqual([
    { rows: 1000, sum: 500_500 },
  ]);
  await stack.mustPass();
}
