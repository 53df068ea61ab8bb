import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { lookAtDisk } from "../../cli/doctor/look-engine.ts";
import { roles, unprivilegedUid } from "../../infra/names.ts";
import { doctorOf, healthOf } from "./support/doctor.ts";
import { engine } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { leaksIn, secretsOf } from "./support/secrets.ts";
import { TestStack } from "./support/stack.ts";
import { getFile, putFile } from "./support/volume.ts";

/** Whether a process can leave the network of this machine; the engine's socket goes with it. */
const canLeave =
  spawnSync("unshare", ["--net", "ip", "link", "set", "lo", "up"]).status === 0 &&
  /^(unix:|$)/.test(process.env.DOCKER_HOST ?? "");
const hasPsql = spawnSync("psql", ["--version"]).status === 0;

/** The doctor beside one real stack, on which faults are injected and healed one after another. */
const project = new Project();
let stack: TestStack;
/** Sessions that a test holds; closed after it, whatever happened. */
let held: pg.Client[] = [];

beforeAll(async () => {
  stack = await TestStack.create(project, "dev", "doctor");
  await stack.mustUp();
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

afterEach(letGo);

const { poolkit, doctor, doctorSees, nothingFound, allWell, printed } = doctorOf(project, () => stack);

/** Healed: nothing is found. */
async function expectHealed(): Promise<void> {
  await letGo();
  await allWell();
}

async function hold(connectionString: string, sql?: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: "fault" });
  client.on("error", () => undefined);
  await client.connect();
  held.push(client);
  if (sql !== undefined) await client.query(sql);
  return client;
}

/** Takes every connection slot that becomes free, until the signal. */
async function keepFull(connectionString: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await hold(connectionString).catch(() => sleep(10));
  }
}

async function letGo(): Promise<void> {
  const clients = held;
  held = [];
  await Promise.allSettled(clients.map((client) => client.end()));
}

const superuser = (sql: string) =>
  stack.outputs().then(({ directDatabaseUrl }) => {
    const url = new URL(directDatabaseUrl);
    url.username = roles.superuser;
    url.password = stack.passwordOf(roles.superuser);
    return stack.sql(sql, url.href);
  });

/** Runs a command that the doctor told to run, as a person would. */
async function obey(command: string | undefined): Promise<void> {
  expect(command).toMatch(/^docker /);
  const { code, text } = await project.run("sh", ["-c", command ?? "false"]);
  expect(code, text).toBe(0);
}

describe("poolkit doctor", () => {
  it("finds nothing on a healthy stack: 0", async () => {
    const { code, text } = await poolkit("doctor");
    expect(code, text).toBe(0);
    expect(text).toContain("nothing is wrong");
    expect(text).toMatch(/^pgbouncer {3}1\.\d+\.\d+, \d+ of 50 clients/m);
    expect(text).toMatch(/^disk {8}\d+ % full/m);
    expect((await doctor()).status).toBe("pass");
  });

  it.each([
    ["app", "app_unreachable"],
    ["pgbouncer", "pgbouncer_unreachable"],
    ["postgres", "postgres_unreachable"],
  ] as const)(
    "container of %s stopped: %s first, and the command that heals it",
    async (component, cause) => {
      await stack.container(component).stop({ t: 20 });
      // Both within the 5 s that health promises.
      const seen = component === "app" ? "unreachable" : cause;
      await expect.poll(() => healthOf(stack), { timeout: 5_000, interval: 50 }).toBe(seen);
      const { code, findings } = await doctorSees(`fail ${cause}`);
      expect(code).toBe(2);
      expect(findings[0]).toMatchObject({ severity: "fail", cause });
      expect(findings[0]?.evidence[0]).toContain("is stopped: exit code 0");
      await obey(findings[0]?.command);
      await expect.poll(() => healthOf(stack), { timeout: 5_000, interval: 50 }).toBe("pass");
      await nothingFound();
    },
  );

  it("Postgres started again at another address: stale_address", async () => {
    const network = `poolkit-${stack.name}`;
    const postgres = stack.container("postgres");
    const addressOf = async (container: typeof postgres) =>
      (await container.inspect()).NetworkSettings.Networks[network]?.IPAddress;
    const former = await addressOf(postgres);
    const { Image } = await postgres.inspect();
    await postgres.stop({ t: 20 });
    const squatter = await engine.createContainer({
      Image,
      Entrypoint: ["sleep", "120"],
      HostConfig: { NetworkMode: network },
    });
    try {
      await squatter.start();
      expect(await addressOf(squatter)).toBe(former);
      await postgres.start();
      const { findings } = await doctorSees("fail stale_address");
      expect(findings.map(({ cause }) => cause)).toEqual(["stale_address"]);
      expect(findings[0]?.evidence[0]).toContain(
        `it looks for it at ${former}, where its container no longer is`,
      );
      await obey(findings[0]?.command);
      await expectHealed();
    } finally {
      await squatter.remove({ force: true });
    }
  });

  it("Postgres frozen: postgres_unreachable in time", async () => {
    await stack.container("postgres").pause();
    const { findings } = await doctorSees("fail postgres_unreachable");
    expect(findings[0]).toMatchObject({ severity: "fail", cause: "postgres_unreachable" });
    await obey(findings[0]?.command);
    await expectHealed();
  });

  it("application off the network: dns", async () => {
    await engine.getNetwork(`poolkit-${stack.name}`).disconnect({ Container: `poolkit-${stack.name}-app` });
    const { findings } = await doctorSees("fail dns");
    expect(findings[0]).toMatchObject({ severity: "fail", cause: "dns" });
    await obey(findings[0]?.command);
    await expect.poll(() => healthOf(stack), { timeout: 5_000, interval: 50 }).toBe("pass");
    await expectHealed();
  });

  it("PAUSE: pgbouncer_paused, and RESUME without a password", async () => {
    await stack.console("PAUSE");
    const { findings, code } = await doctorSees("fail pgbouncer_paused");
    expect(code).toBe(2);
    expect(findings[0]).toMatchObject({ severity: "fail", cause: "pgbouncer_paused" });
    await obey(findings[0]?.command);
    await expectHealed();
  });

  it("one idle transaction: a warning with its process, and the command that ends it", async () => {
    const { databaseUrl } = await stack.outputs();
    await hold(databaseUrl, "BEGIN");
    const { findings, code } = await doctorSees("warn idle_in_transaction");
    expect(code).toBe(1);
    expect(findings).toMatchObject([{ severity: "warn", cause: "idle_in_transaction" }]);
    expect(findings[0]?.evidence[0]).toMatch(/^pid \d+ \(poolkit_app, .*idle in transaction for/);
    await obey(findings[0]?.command);
    await expectHealed();
  });

  it("pool exhausted by idle transactions: who holds it first, then the pool", async () => {
    const { databaseUrl } = await stack.outputs();
    await Promise.all(Array.from({ length: 7 }, () => hold(databaseUrl, "BEGIN")));
    const { findings, causes, code } = await doctorSees(
      "idle_in_transaction",
      "fail pgbouncer_pool_exhausted",
    );
    expect(code).toBe(2);
    expect(causes.slice(0, 2)).toEqual(["idle_in_transaction", "pgbouncer_pool_exhausted"]);
    expect(findings[1]?.severity).toBe("fail");
    await expectHealed();
  });

  it("lock wait: who waits for whom; inspect locks shows both", async () => {
    const { directDatabaseUrl } = await stack.outputs();
    await hold(directDatabaseUrl, "BEGIN; LOCK TABLE app.chat_sessions");
    const waiter = await hold(directDatabaseUrl);
    const waiting = waiter.query("SELECT 1 FROM app.chat_sessions LIMIT 1").catch(() => undefined);
    const { findings, causes } = await doctorSees("warn lock_wait", "idle_in_transaction");
    expect(causes.indexOf("idle_in_transaction")).toBeLessThan(causes.indexOf("lock_wait"));
    const lock = findings.find(({ cause }) => cause === "lock_wait");
    expect(lock?.evidence.join()).toMatch(/waits for pid \d+ \(poolkit_owner, fault\): idle in transaction/);
    const rows: { granted: boolean; relation: string; blocked_by: number[] | null }[] = JSON.parse(
      (await poolkit("inspect", "locks", "--json")).text,
    );
    expect(rows).toContainEqual(expect.objectContaining({ granted: false, relation: "app.chat_sessions" }));
    expect(rows).toContainEqual(expect.objectContaining({ granted: true, mode: "AccessExclusiveLock" }));
    await obey(lock?.command);
    await waiting;
    await expectHealed();
  });

  it("long query: slow_queries; its text is shown only when asked for", async () => {
    const { databaseUrl } = await stack.outputs();
    const client = await hold(databaseUrl);
    const sleeping = client.query("SELECT pg_sleep(29), 'somebodys-secret'").catch(() => undefined);
    const { findings, all } = await doctorSees("warn slow_queries");
    expect(findings).toMatchObject([{ severity: "warn", cause: "slow_queries" }]);
    expect(all).not.toContain("somebodys-secret");
    const hidden = (await poolkit("inspect", "queries")).text;
    expect(hidden).toMatch(/poolkit_app.*active/);
    expect(hidden).not.toContain("somebodys-secret");
    expect((await poolkit("inspect", "queries", "--show-sql")).text).toContain("somebodys-secret");
    const pid = /pid (\d+)/.exec(findings[0]?.evidence[0] ?? "")?.[1];
    await superuser(`SELECT pg_terminate_backend(${pid})`);
    await sleeping;
    await expectHealed();
  });

  it("the role's password changed: a warning while old connections work, then login_failing", async () => {
    const [before] = (await superuser(
      `SELECT rolpassword FROM pg_authid WHERE rolname = '${roles.app}'`,
    )) as {
      rolpassword: string;
    }[];
    await superuser(`ALTER ROLE ${roles.app} PASSWORD 'another'`);
    try {
      await doctorSees("warn login_failing");
      await stack.console("RECONNECT");
      const { findings, code } = await doctorSees("fail login_failing");
      expect(code).toBe(2);
      expect(findings[0]).toMatchObject({ severity: "fail", cause: "login_failing" });
    } finally {
      await superuser(`ALTER ROLE ${roles.app} PASSWORD '${before?.rolpassword}'`);
    }
    await expectHealed();
  });

  it("client limit reached: pgbouncer_client_limit", async () => {
    const { databaseUrl } = await stack.outputs();
    const attempts = await Promise.allSettled(Array.from({ length: 55 }, () => hold(databaseUrl)));
    expect(attempts.some(({ status }) => status === "rejected")).toBe(true);
    const { findings, causes, code } = await doctorSees("fail pgbouncer_client_limit");
    expect(code).toBe(2);
    expect(causes).toContain("pgbouncer_client_limit");
    expect(findings.find(({ cause }) => cause === "pgbouncer_client_limit")?.severity).toBe("fail");
    const clients: unknown[] = JSON.parse((await poolkit("inspect", "clients", "--json")).text);
    expect(clients.length).toBeGreaterThan(40);
    await expectHealed();
  });

  it("connections exhausted: who holds them, though nobody gets in", async () => {
    const { directDatabaseUrl } = await stack.outputs();
    await Promise.allSettled(Array.from({ length: 100 }, () => hold(directDatabaseUrl)));
    // A slot that a health look gives back would let the doctor in: it is taken at once, for as long as he looks. Who is
    // quicker is chance, so that he may have to look again.
    const filling = new AbortController();
    const filled = keepFull(directDatabaseUrl, filling.signal);
    const exhausted = doctorSees("fail postgres_connections_exhausted");
    const { findings, code } = await exhausted.finally(() => filling.abort());
    await filled;
    expect(code).toBe(2);
    expect(findings[0]).toMatchObject({ severity: "fail", cause: "postgres_connections_exhausted" });
    expect(findings[0]?.evidence.join("\n")).toMatch(/poolkit_owner: idle \(\d\d\)/);
    await expectHealed();
  });

  it("what was changed beside Pulumi: configuration_drift, setting by setting", async () => {
    await stack.console("SET default_pool_size = 4");
    await superuser(`ALTER ROLE ${roles.app} SET statement_timeout = '7s'`);
    await superuser("ALTER SYSTEM SET work_mem = '5MB'");
    await superuser("SELECT pg_reload_conf()");
    await superuser("ALTER DATABASE poolkit SET jit = off");
    const { findings, code } = await doctorSees("warn configuration_drift");
    expect(code).toBe(1);
    expect(findings).toMatchObject([{ severity: "warn", cause: "configuration_drift" }]);
    expect(findings[0]?.evidence).toEqual([
      "PgBouncer default_pool_size: deployed 5, runs 4",
      "role's statement_timeout: deployed 30000, runs 7s",
      "Postgres jit: set by ALTER DATABASE, for every role",
      "Postgres work_mem: set by ALTER SYSTEM, beside the configuration file",
    ]);
    await superuser("ALTER DATABASE poolkit RESET jit");
    await superuser("ALTER SYSTEM RESET work_mem");
    await superuser("SELECT pg_reload_conf()");
    await superuser(`ALTER ROLE ${roles.app} SET statement_timeout = 30000`);
    await stack.container("pgbouncer").kill({ signal: "HUP" });
    await expectHealed();
  });

  describe("settings that somebody gave the application's role: configuration_drift", () => {
    const readOnly = "role's default_transaction_read_only: deployed nothing, runs on";
    const search = "role's search_path: deployed app, runs nowhere";
    const given = [
      ["in its database", `ALTER ROLE ${roles.app} IN DATABASE poolkit`, [search, readOnly], true],
      // The command that takes these back needs it.
      ["in every database", `ALTER ROLE ${roles.app}`, [search, `${readOnly}, in every database`], hasPsql],
    ] as const;

    for (const [where, alter, evidence, isPossible] of given) {
      it.skipIf(!isPossible)(`${where}, and the command that takes them back`, async () => {
        const { databaseUrl } = await stack.outputs();
        const write = () => stack.sql("UPDATE chat_sessions SET id = id WHERE false", databaseUrl);
        await superuser(
          `${alter} SET default_transaction_read_only = on; ${alter} SET search_path = nowhere`,
        );
        await stack.container("pgbouncer").restart();
        const { findings } = await doctorSees("warn configuration_drift");
        const drift = findings.find(({ cause }) => cause === "configuration_drift");
        expect(drift?.evidence).toEqual(evidence);
        await expect(write()).rejects.toThrow("does not exist");
        const env = { PULUMI_SKIP_CONFIRMATIONS: "true" };
        const { code, text } = await project.run("sh", ["-c", drift?.command ?? "false"], { env });
        expect(code, text).toBe(0);
        await expectHealed();
        await write();
      });
    }
  });

  it("the application's files edited in their volume: configuration_drift", async () => {
    const path = "/run/poolkit/settings.json";
    const before = await getFile(stack, "app", path);
    const edited = { ...JSON.parse(before), DATABASE_CONNECTION_LIMIT: "3" };
    await putFile(stack, "app", path, JSON.stringify(edited), unprivilegedUid);
    const { findings, code } = await doctorSees("warn configuration_drift");
    expect(code).toBe(1);
    expect(findings).toMatchObject([{ severity: "warn", cause: "configuration_drift" }]);
    expect(findings[0]?.evidence).toEqual([
      expect.stringMatching(/^application's configuration files: deployed [0-9a-f]{12}, runs [0-9a-f]{12}$/),
    ]);
    await putFile(stack, "app", path, before, unprivilegedUid);
    await nothingFound();
  });

  it("a migration that the database has not: migration_pending", async () => {
    const name = "20261123150100_seed";
    const set = (value: string) =>
      stack.sql(
        `UPDATE app._prisma_migrations SET rolled_back_at = ${value} WHERE migration_name = '${name}'`,
      );
    await set("now()");
    const { findings } = await doctorSees("fail migration_pending");
    expect(findings[0]).toMatchObject({ severity: "fail", cause: "migration_pending" });
    expect(findings[0]?.evidence.join("\n")).toContain(name);
    await set("NULL");
    await expectHealed();
  });

  it("a process at the memory limit of its container: out_of_memory", async () => {
    const container = stack.container("app");
    const { Id } = await container.inspect();
    await engine.getContainer(Id).update({ Memory: 96 * 2 ** 20, MemorySwap: 96 * 2 ** 20 });
    const eat = "const a=[];for(;;){a.push(Buffer.alloc(8<<20,1))}";
    const exec = await container.exec({ Cmd: ["node", "-e", eat], AttachStdout: true, AttachStderr: true });
    (await exec.start({ hijack: false })).resume();
    await expect.poll(async () => (await doctor()).causes, { timeout: 20_000 }).toContain("out_of_memory");
    await engine.getContainer(Id).update({ Memory: 512 * 2 ** 20, MemorySwap: 512 * 2 ** 20 });
  });

  it("the free space of a volume's file system, seen from inside the container", async () => {
    const { Image } = await stack.container("postgres").inspect();
    const full = await engine.createContainer({
      Image,
      Entrypoint: ["sh", "-c", "head -c 15M /dev/zero > /data/filler; exec sleep 60"],
      Labels: { "poolkit.stack": stack.name },
      HostConfig: { Tmpfs: { "/data": "size=16m,uid=999" } },
    });
    try {
      await full.start();
      const share = async () => {
        const { usedBytes, availableBytes } = await lookAtDisk(engine, full.id, "/data");
        return usedBytes / (usedBytes + availableBytes);
      };
      await expect.poll(share, { timeout: 5_000 }).toBeGreaterThan(0.9);
    } finally {
      await full.remove({ force: true });
    }
  });

  it("engine out of reach: says so, and still what the databases show", async () => {
    const env = { DOCKER_HOST: "unix:///nowhere/docker.sock" };
    const { code, text } = await project.run("node", ["cli/poolkit.js", "doctor", ...stack.flag], { env });
    expect(code, text).toBe(2);
    expect(text).toContain("FAIL  engine_unreachable");
    expect(text).toMatch(/^postgres {4}18/m);
    expect(text).not.toMatch(/^\s+at /m);
  });

  it.skipIf(!canLeave)(
    "its ports are not on this machine: ports_elsewhere, and no other failure",
    async () => {
      for (const component of ["postgres", "pgbouncer", "app"] as const) {
        const isHealthy = async () => (await stack.container(component).inspect()).State.Health?.Status;
        await expect.poll(isHealthy, { timeout: 40_000, interval: 200 }).toBe("healthy");
      }
      const command = `ip link set lo up && exec node cli/poolkit.js doctor --json -s ${stack.name}`;
      const { code, text } = await project.run("unshare", ["--net", "sh", "-c", command]);
      expect(code, text).toBe(2);
      const { findings } = JSON.parse(text) as { findings: { severity: string; cause: string }[] };
      // What a test before it has left (a restart, memory that was short) is still a warning.
      expect(findings.filter(({ severity }) => severity === "fail")).toMatchObject([
        { cause: "ports_elsewhere" },
      ]);
    },
  );

  it("2 and one line for a stack that does not exist", async () => {
    const { code, text } = await project.run("node", ["cli/poolkit.js", "doctor", "-s", "nowhere"]);
    expect(code).toBe(2);
    expect(text).toContain("no stack named 'nowhere'");
  });
});

describe("poolkit inspect", () => {
  it("shows pools in PgBouncer's own columns, again and again with --watch", async () => {
    const { text, code } = await poolkit("inspect", "pools");
    expect(code, text).toBe(0);
    expect(text).toMatch(/^database +user +cl_active +cl_waiting/m);
    expect(text).toMatch(/^poolkit +poolkit_app +\d/m);
    const pools: unknown[] = JSON.parse((await poolkit("inspect", "pools", "--json")).text);
    expect(pools).toContainEqual(expect.objectContaining({ database: "poolkit", user: roles.app }));
    const queries: { usename: string }[] = JSON.parse(
      (await poolkit("inspect", "queries", "--all", "--json")).text,
    );
    expect(queries.map(({ usename }) => usename)).toContain(roles.app);
    const watching = project.start("node", [
      "cli/poolkit.js",
      "inspect",
      "pools",
      "--watch",
      "1",
      ...stack.flag,
    ]);
    await new Promise<void>((resolve) => {
      watching.onText((all) => {
        if ((all.match(/cl_waiting/g) ?? []).length >= 3) resolve();
      });
    });
    watching.signalGroup("SIGINT");
    expect((await watching.ended).code).toBe(0);
  });

  it("ends without a word when its reader does", async () => {
    const command = `node cli/poolkit.js inspect pools --watch 1 ${stack.flag.join(" ")} | head -n 1`;
    const { code, text } = await project.run("sh", ["-c", command]);
    expect(code, text).toBe(0);
    expect(text.trim().split("\n")).toHaveLength(1);
  });

  it("refuses a table and a time that it does not know", async () => {
    expect(await poolkit("inspect", "pool")).toMatchObject({
      code: 2,
      text: expect.stringContaining("pools, clients"),
    });
    expect(await poolkit("inspect", "pools", "--watch", "0")).toMatchObject({
      code: 2,
      text: expect.stringContaining("from 1 to 3600"),
    });
  });
});

it("no secret was printed by anything above", () => {
  expect(printed.length).toBeGreaterThan(20);
  expect(leaksIn(printed.join("\n"), secretsOf(stack))).toEqual([]);
});
