import { randomUUID } from "node:crypto";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultMemoryMegabytes } from "../../infra/budget/application-demand.ts";
import { roles } from "../../infra/names.ts";
import { presetNames, presets, restartOnlyLimits } from "../../infra/presets.ts";
import { type CommandLines, commandLinesVisible, watchCommandLines } from "./support/command-lines.ts";
import { engine, resourcesOf } from "./support/engine.ts";
import { Project, type Ran } from "./support/project.ts";
import { leaksIn, secretsOf } from "./support/secrets.ts";
import { type Component, TestStack } from "./support/stack.ts";

/** All three environments as git has them, on one engine at the same time, from nothing to nothing. */
const project = new Project();
const stacks = new Map<string, TestStack>();
const firstUps = new Map<string, string>();
/** Of the stack `dev`, before there is anything. */
let firstPreview: string;
let commandLines: readonly string[];
/** Of the application's image. */
let ownTag: string | undefined;

function stackOf(preset: string): TestStack {
  const stack = stacks.get(preset);
  if (stack === undefined) throw new Error(`${preset} was not created`);
  return stack;
}

/** What the stack consists of: outside dev, Prometheus and its exporters are switched on in git. */
function componentsOf(preset: string): readonly Component[] {
  const parts = ["postgres", "pgbouncer", "app"] as const;
  return preset === "dev" ? parts : [...parts, "prometheus", "pgbouncer-exporter", "postgres-exporter"];
}

/** Something done to all three side by side: much of it is waiting. The outcome by preset. */
async function forAll<T>(what: (stack: TestStack, preset: string) => Promise<T>): Promise<Map<string, T>> {
  const outcomes = [...stacks].map(async ([preset, stack]) => [preset, await what(stack, preset)] as const);
  return new Map(await Promise.all(outcomes));
}

beforeAll(async () => {
  // A tag of its own: a test below moves it, and other files deploy the application at the same time.
  appendFileSync(join(project.directory, "app", "Dockerfile"), `# of this run: ${randomUUID()}\n`);
  await Promise.all(
    presetNames.map(async (preset) => stacks.set(preset, await TestStack.asInGit(project, preset))),
  );
  const watch: CommandLines = watchCommandLines();
  try {
    await forAll(async (stack, preset) => {
      if (preset === "dev") firstPreview = (await stack.preview("--diff")).text;
      firstUps.set(preset, (await stack.mustUp()).text);
    });
  } finally {
    commandLines = await watch.stop();
  }
  ownTag = (await stackOf("dev").container("app").inspect()).Config.Image;
});

afterAll(async () => {
  for (const stack of stacks.values()) await stack.sweep();
  if (ownTag !== undefined) await engine.getImage(ownTag).remove();
  project.remove();
});

describe.each(presetNames)("a stack of preset %s", (preset) => {
  it("is healthy and says how it is sized", async () => {
    const { status, body } = await stackOf(preset).health();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "pass",
      pool: {
        application: {
          mode: presets[preset].enhancedPooling ? "enhanced" : "standard",
          limit: presets[preset].connectionLimit,
        },
      },
      configuration: {
        preset,
        values: {
          DATABASE_CONNECTION_LIMIT: {
            value: presets[preset].connectionLimit,
            source: "database URL (connection_limit)",
          },
          DATABASE_POOL_TIMEOUT: {
            value: presets[preset].poolTimeoutSeconds,
            source: "database URL (pool_timeout)",
          },
          USE_ENHANCED_POOLING: { value: presets[preset].enhancedPooling, source: "settings file" },
        },
      },
    });
  });

  it("runs PgBouncer with the preset's settings", async () => {
    const sizes = presets[preset];
    const config = await stackOf(preset).console<{ key: string; value: string }>("SHOW CONFIG");
    const running = Object.fromEntries(config.map(({ key, value }) => [key, value]));
    expect(running).toMatchObject({
      pool_mode: "transaction",
      max_client_conn: String(sizes.maxClientConnections),
      default_pool_size: String(sizes.poolSize),
      reserve_pool_size: String(sizes.reservePoolSize),
      reserve_pool_timeout: String(sizes.reservePoolTimeoutSeconds),
      max_db_connections: String(sizes.maxDatabaseConnections),
      query_wait_timeout: String(sizes.queryWaitTimeoutSeconds),
      server_connect_timeout: String(sizes.serverConnectTimeoutSeconds),
      server_login_retry: String(sizes.serverLoginRetrySeconds),
    });
    const databases = await stackOf(preset).console<{
      name: string;
      pool_size: number;
      max_connections: number;
    }>("SHOW DATABASES");
    expect(databases.find(({ name }) => name === "poolkit")).toMatchObject({
      pool_size: sizes.poolSize,
      max_connections: sizes.maxDatabaseConnections,
    });
  });

  it("runs Postgres with the preset's timeouts on the application's role", async () => {
    const sizes = presets[preset];
    const settings = await stackOf(preset).sql<{ setting: string }>(
      `SELECT unnest(setconfig) AS setting FROM pg_db_role_setting
       JOIN pg_roles ON pg_roles.oid = setrole WHERE rolname = '${roles.app}'`,
    );
    expect(settings.map(({ setting }) => setting)).toEqual(
      expect.arrayContaining([
        `statement_timeout=${sizes.statementTimeoutSeconds * 1000}`,
        `idle_in_transaction_session_timeout=${sizes.idleInTransactionTimeoutSeconds * 1000}`,
        `lock_timeout=${sizes.lockTimeoutSeconds}s`,
      ]),
    );
    const [role] = await stackOf(preset).sql<{ rolconnlimit: number; rolsuper: boolean }>(
      `SELECT rolconnlimit, rolsuper FROM pg_roles WHERE rolname = '${roles.app}'`,
    );
    const { application, monitor } = JSON.parse((await stackOf(preset).outputs()).budget).roleLimits;
    expect(role).toEqual({ rolconnlimit: application, rolsuper: false });
    const servers = sizes.poolSize + sizes.reservePoolSize;
    // What PgBouncer may open, and a tenth, at least two, for backends that it has given up.
    expect(application).toBeGreaterThanOrEqual(servers + Math.max(2, Math.ceil(0.1 * servers)));
    expect(
      await stackOf(preset).sql(`SELECT rolconnlimit FROM pg_roles WHERE rolname = '${roles.monitor}'`),
    ).toEqual([{ rolconnlimit: monitor }]);
  });

  it("gives those timeouts to the application's sessions through PgBouncer", async () => {
    const { databaseUrl } = await stackOf(preset).outputs();
    const [row] = await stackOf(preset).sql<{ statement: string; lock: string }>(
      "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock",
      databaseUrl,
    );
    expect(row).toEqual({
      statement: `${presets[preset].statementTimeoutSeconds}s`,
      lock: `${presets[preset].lockTimeoutSeconds}s`,
    });
  });

  it("lets nobody do more than the work", async () => {
    const stack = stackOf(preset);
    const { databaseUrl, monitorUrl } = await stack.outputs();
    const ofPublic = await stack.sql(
      `SELECT privilege_type FROM pg_database, aclexplode(datacl) WHERE datname = 'poolkit' AND grantee = 0
       UNION ALL
       SELECT privilege_type FROM pg_namespace, aclexplode(nspacl)
       WHERE nspname IN ('app', 'public') AND grantee = 0`,
    );
    expect(ofPublic).toEqual([]);
    // Without a list of its own a database lets everybody in.
    expect(await stack.sql("SELECT 1 FROM pg_database WHERE datname = 'poolkit' AND datacl IS NULL")).toEqual(
      [],
    );
    const refused = { code: "42501" };
    await expect(stack.sql("CREATE TABLE app.mine (id int)", databaseUrl)).rejects.toMatchObject(refused);
    await expect(stack.sql("CREATE TABLE public.mine (id int)", databaseUrl)).rejects.toMatchObject(refused);
    await expect(stack.sql("SELECT FROM app.chat_sessions", monitorUrl)).rejects.toMatchObject(refused);
  });

  it("has the documented outputs", async () => {
    const outputs = await stackOf(preset).outputs();
    expect(Object.keys(outputs).sort()).toEqual([
      "apiToken",
      "budget",
      "consoleUrl",
      "databaseUrl",
      "directDatabaseUrl",
      "healthFormat",
      "healthToken",
      "healthUrl",
      "metricsToken",
      "metricsUrl",
      "monitorUrl",
      "pgbouncerAdminUrl",
      "pgbouncerHost",
      "pgbouncerPort",
      "poolLimits",
      "preset",
      "prometheusUrl",
      "readme",
      "url",
    ]);
    expect(outputs).toMatchObject({
      preset,
      pgbouncerHost: "127.0.0.1",
      poolLimits: {
        application: presets[preset].connectionLimit,
        pgbouncerClients: presets[preset].maxClientConnections,
        pgbouncerPool: presets[preset].poolSize,
        pgbouncerReserve: presets[preset].reservePoolSize,
        pgbouncerDatabase: presets[preset].maxDatabaseConnections,
        postgres: restartOnlyLimits.postgresMaxConnections,
      },
      readme: readFileSync(join(project.directory, "Pulumi.README.md"), "utf8"),
    });
    expect(outputs.prometheusUrl === "").toBe(preset === "dev");
    const hidden = await stackOf(preset).must(["stack", "output", "--json", ...stackOf(preset).flag]);
    expect(JSON.parse(hidden.text)).toMatchObject({
      databaseUrl: "[secret]",
      directDatabaseUrl: "[secret]",
      healthToken: "[secret]",
      apiToken: "[secret]",
      metricsToken: "[secret]",
      consoleUrl: "[secret]",
      monitorUrl: "[secret]",
      pgbouncerAdminUrl: "[secret]",
    });
  });

  it("shows its metrics to whoever has their token", async () => {
    const { metricsUrl, metricsToken } = await stackOf(preset).outputs();
    const scrape = (headers: Record<string, string>) => fetch(metricsUrl, { headers });
    expect((await scrape({})).status).toBe(401);
    const answer = await scrape({ authorization: `Bearer ${metricsToken}` });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toMatch(/^db_client_connection_max\{pool_name="poolkit-app"\} \d+$/m);
  });

  it("runs hardened containers with the limits that the account counts on, published on loopback only", async () => {
    const memoryMegabytes = {
      postgres: restartOnlyLimits.postgresMemoryMegabytes,
      pgbouncer: restartOnlyLimits.pgbouncerMemoryMegabytes,
      app: defaultMemoryMegabytes,
      prometheus: restartOnlyLimits.prometheusMemoryMegabytes,
      "pgbouncer-exporter": restartOnlyLimits.exporterMemoryMegabytes,
      "postgres-exporter": restartOnlyLimits.exporterMemoryMegabytes,
    };
    const { HostConfig: pgbouncer } = await stackOf(preset).container("pgbouncer").inspect();
    const files = restartOnlyLimits.pgbouncerOpenFiles;
    expect(pgbouncer.Ulimits).toContainEqual({ Name: "nofile", Soft: files, Hard: files });
    for (const component of componentsOf(preset)) {
      const { Config, HostConfig } = await stackOf(preset).container(component).inspect();
      expect(HostConfig, component).toMatchObject({
        ReadonlyRootfs: true,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        Privileged: false,
      });
      expect(HostConfig.Memory, component).toBe(memoryMegabytes[component] * 2 ** 20);
      expect(HostConfig.MemorySwap, component).toBe(HostConfig.Memory);
      expect(Config.User, component).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      const bindings = Object.values((HostConfig.PortBindings ?? {}) as Record<string, { HostIp: string }[]>);
      expect(
        bindings.flat().map(({ HostIp }) => HostIp),
        component,
      ).toEqual(component.endsWith("-exporter") ? [] : ["127.0.0.1"]);
    }
  });

  it("shows its secrets nowhere", async () => {
    const stack = stackOf(preset);
    const secrets = secretsOf(stack);
    const places: Record<string, string> = { "output of up": firstUps.get(preset) ?? "" };
    if (preset === "dev") places["preview --diff before the first up"] = firstPreview;
    places["processes of this machine while all came up"] = commandLines.join("\n");
    places["state files"] = filesBelow(join(project.directory, "state"));
    places["stack files"] = readFileSync(join(project.directory, `Pulumi.${stack.name}.yaml`), "utf8");
    for (const component of componentsOf(preset)) {
      const container = stack.container(component);
      const inspected = await container.inspect();
      places[`inspect ${component}`] = JSON.stringify(inspected);
      places[`logs ${component}`] = (await container.logs({ stdout: true, stderr: true })).toString();
      places[`history ${component}`] = JSON.stringify(await engine.getImage(inspected.Image).history());
      places[`processes ${component}`] = JSON.stringify(await container.top({ ps_args: "axww" }));
    }
    const found = Object.entries(places).flatMap(([place, text]) =>
      leaksIn(text, secrets).map((leak) => [place, leak]),
    );
    expect(found).toEqual([]);
    // The search itself works: the outputs, asked for with --show-secrets, do hold secrets.
    expect(leaksIn(JSON.stringify(await stack.outputs()), secrets)).not.toEqual([]);
    if (commandLinesVisible) expect(commandLines.join("\n")).toContain(`pulumi up --yes`);
    if (preset === "dev") expect(firstPreview).toContain("database-config");
  });
});

describe("once up,", () => {
  let again: Map<string, { readonly second: Ran; readonly refreshed: Ran; readonly previewed: Ran }>;

  beforeAll(async () => {
    again = await forAll(async (stack) => ({
      second: await stack.up("--expect-no-changes"),
      refreshed: await stack.up("--refresh", "--expect-no-changes"),
      previewed: await stack.preview("--diff", "--json"),
    }));
  });

  it.each(presetNames)("%s changes nothing at a second up, nor at one that refreshes", (preset) => {
    const { second, refreshed } = again.get(preset) ?? {};
    expect(second?.code, second?.text).toBe(0);
    expect(refreshed?.code, refreshed?.text).toBe(0);
  });

  it.each(presetNames)("%s shows no secret in a preview with --diff", (preset) => {
    const { code, text = "" } = again.get(preset)?.previewed ?? {};
    expect(code, text).toBe(0);
    expect(leaksIn(text, secretsOf(stackOf(preset)))).toEqual([]);
  });
});

describe("images", () => {
  it("change no container when another build of the same sources moves their tag", async () => {
    const stack = stackOf("dev");
    const container = stack.container("app");
    const { Image: id, Config: config } = await container.inspect();
    const [repo = "", tag = ""] = config.Image.split(":");
    const moved: { Id: string } = await container.commit({ repo, tag, pause: false });
    try {
      expect(moved.Id).not.toBe(id);
      const refreshed = await stack.up("--refresh", "--expect-no-changes");
      expect(refreshed.code, refreshed.text).toBe(0);
    } finally {
      await engine.getImage(id).tag({ repo, tag });
      await engine.getImage(moved.Id).remove();
    }
  });

  it.each([
    ["postgres", 250],
    ["pgbouncer", 60],
    ["app", 220],
  ] as const)(
    "%s is at most %i MB, runs as its own user and says how to stop and check it",
    async (component, megabytes) => {
      const { Image } = await stackOf("dev").container(component).inspect();
      const { Size, Config } = await engine.getImage(Image).inspect();
      expect(Size / 1e6).toBeLessThanOrEqual(megabytes);
      expect(Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(Config.Healthcheck?.Test?.[0]).toBe("CMD");
      expect(Config).toMatchObject({
        StopSignal: component === "app" ? "SIGTERM" : "SIGINT",
        Labels: expect.objectContaining({ "org.opencontainers.image.title": `poolkit-${component}` }),
      });
    },
  );
});

describe("destroy", () => {
  interface Destroyed {
    readonly before: readonly string[];
    /** The first try, and what there was after it, where the data is protected. */
    readonly refused: Ran | undefined;
    readonly after: readonly string[];
    readonly ended: Ran;
    readonly left: readonly string[];
  }
  let destroyed: Map<string, Destroyed>;

  beforeAll(async () => {
    destroyed = await forAll(async (stack, preset) => {
      const before = await resourcesOf(stack.name);
      const refused = preset === "dev" ? undefined : await stack.destroy();
      const after = await resourcesOf(stack.name);
      if (refused !== undefined) {
        await stack.setPath("poolkit:overrides.protectData", "false");
        await stack.mustUp();
      }
      const ended = await stack.destroy();
      return { before, refused, after, ended, left: await resourcesOf(stack.name) };
    });
  });

  it.each(presetNames)("leaves nothing of %s", (preset) => {
    const { before, ended, left } = destroyed.get(preset) ?? {};
    expect(before?.length).toBeGreaterThan(5);
    expect(ended?.code, ended?.text).toBe(0);
    expect(left).toEqual([]);
  });

  it.each(["prod", "high-load"])("refuses %s until its data may go, the documented way", (preset) => {
    const { before, refused, after } = destroyed.get(preset) ?? {};
    expect(refused?.code).not.toBe(0);
    expect(refused?.text).toContain("protected");
    expect(after).toEqual(before);
  });
});

function filesBelow(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")).join("\n");
}
