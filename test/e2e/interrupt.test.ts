import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineNames, roles } from "../../infra/names.ts";
import { freePort } from "../support/free-port.ts";
import { engine, resourcesOf } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { TestStack } from "./support/stack.ts";

/** One stack that is cut again and again on its way up: it arrives at the same end, and nothing is left over. */
const project = new Project();
let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create(project, "dev", "cut");
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

/** [signal, the resource being created when it comes], in the order of an up */
const cuts: [NodeJS.Signals, string][] = [
  ["SIGINT", "network"],
  ["SIGKILL", "database-config"],
  ["SIGKILL", "database-server"],
  ["SIGKILL", "database-database"],
  ["SIGTERM", "database-grants"],
  ["SIGKILL", "pooler-server"],
  ["SIGINT", "app-config"],
  ["SIGKILL", "app-server"],
];

/** An up that is cut by a signal to its whole group, as a terminal sends it; `watch` calls `cut` when it is time. */
async function upCut(
  signal: NodeJS.Signals,
  watch: (cut: () => void, running: ReturnType<Project["start"]>) => void,
): Promise<void> {
  const running = project.start("node", ["cli/poolkit.js", "up", ...stack.flag]);
  let isCut = false;
  const cut = () => {
    if (!isCut) running.signalGroup(signal);
    isCut = true;
  };
  watch(cut, running);
  const { code, text } = await running.ended;
  expect(isCut, `it never came so far:\n${text}`).toBe(true);
  expect(code, text).not.toBe(0);
  // Pulumi asks for it: "the stack is currently locked".
  if (signal === "SIGKILL") await stack.must(["cancel", "--yes", stack.name]);
}

/** An up that replaces the application's container and is killed when the engine has done `last` with it. */
async function cutReplacementAfter(last: string): Promise<void> {
  await stack.setPath("poolkit:ports.app", String(await freePort()));
  const filters = JSON.stringify({ type: ["container"], event: [last] });
  const ending = new AbortController();
  const events = await engine.getEvents({ filters, abortSignal: ending.signal });
  events.on("error", () => undefined);
  const { app } = engineNames(stack.name);
  await upCut("SIGKILL", (cut) => {
    events.on("data", (event: Buffer) => event.toString().includes(`"${app}"`) && cut());
  }).finally(() => ending.abort());
}

/** An up that ends well, after which everything of the stack is there once and nothing else is. */
async function arrives(): Promise<void> {
  const { code, text } = await project.run("node", ["cli/poolkit.js", "up", ...stack.flag]);
  expect(code, text).toBe(0);
  expect(text).toMatch(/^health {7}pass$/m);
  const { network, ...names } = engineNames(stack.name);
  expect(await resourcesOf(stack.name)).toEqual(
    [
      ...[names.app, names.pgbouncer, names.postgres].map((name) => `container ${name}`),
      `network ${network}`,
      ...[names.appConfig, names.pgbouncerConfig, names.postgresConfig, names.postgresData].map(
        (name) => `volume ${name}`,
      ),
    ].sort(),
  );
  const settled = await stack.up("--refresh", "--expect-no-changes");
  expect(settled.code, settled.text).toBe(0);
}

/** What a setting is in as many of the application's sessions at the same moment as PgBouncer's pool has. */
async function inSessions(setting: string): Promise<string[]> {
  const { databaseUrl } = await stack.outputs();
  const session = () =>
    stack.sql<{ value: string }>(`SELECT current_setting('${setting}') AS value, pg_sleep(0.3)`, databaseUrl);
  const sessions = await Promise.all(Array.from({ length: 5 }, session));
  return sessions.flatMap((rows) => rows.map(({ value }) => value));
}

/** A connection to the server as its superuser. */
async function superuserUrl(): Promise<string> {
  const { directDatabaseUrl } = await stack.outputs();
  return directDatabaseUrl.replace(
    /^.*@/,
    `postgresql://${roles.superuser}:${stack.passwordOf(roles.superuser)}@`,
  );
}

/** [setting of the role, what keeps its change waiting, the resource that waits, key, new value, meanwhile, before] */
const roleCuts: [string, string, RegExp, string, string, string, string][] = [
  [
    "statement_timeout",
    `ALTER ROLE ${roles.app} SET work_mem = '1MB'`,
    /\bdatabase-app updating/,
    "poolkit:overrides.statementTimeoutSeconds",
    "29",
    "29s",
    "30s",
  ],
  [
    "lock_timeout",
    "SELECT pg_advisory_xact_lock(hashtext('poolkit role settings'))",
    /\bdatabase-app-settings updating/,
    "poolkit:overrides.lockTimeoutSeconds",
    "3",
    "3s",
    "10s",
  ],
];

describe("an up that is cut", () => {
  it.each(cuts)("by %s while it creates %s leaves a state to go on from", async (signal, resource) => {
    const creating = new RegExp(`\\b${resource}[\\w-]* creat`);
    await upCut(signal, (cut, running) => running.onText((text) => creating.test(text) && cut()));
  });

  it("arrives at the same end", arrives);

  it("while PgBouncer takes a change leaves no session with its values, once it is taken back", async () => {
    const pgbouncer = stack.container("pgbouncer");
    await stack.setPath("poolkit:overrides.lockTimeoutSeconds", "3");
    // Stopped, it takes the signal to reload when it goes on: until then nothing can be read back.
    await pgbouncer.kill({ signal: "SIGSTOP" });
    try {
      await upCut("SIGINT", (cut, running) =>
        running.onText((text) => /\bpooler-config updating/.test(text) && cut()),
      );
    } finally {
      await pgbouncer.kill({ signal: "SIGCONT" });
    }
    await stack.console("RECONNECT");
    expect(await inSessions("lock_timeout")).toEqual(Array(5).fill("3s"));
    await stack.must(["config", "rm", "--path", "poolkit:overrides.lockTimeoutSeconds", ...stack.flag]);
    await arrives();
    expect(await inSessions("lock_timeout")).toEqual(Array(5).fill("10s"));
  });

  it.each(roleCuts)(
    "between the role's %s and PgBouncer leaves no session with it, once it is taken back",
    async (setting, holding, waiting, path, changed, meanwhile, before) => {
      await stack.setPath(path, changed);
      const holder = new pg.Client({ connectionString: await superuserUrl() });
      await holder.connect();
      let released: Promise<unknown> | undefined;
      try {
        await holder.query(`BEGIN; ${holding}`);
        await upCut("SIGINT", (cut, running) =>
          running.onText((text) => {
            if (!waiting.test(text)) return;
            cut();
            released ??= sleep(1000).then(() => holder.query("ROLLBACK"));
          }),
        );
      } finally {
        await released;
        await holder.end();
      }
      await stack.console("RECONNECT");
      expect(await inSessions(setting)).toEqual(Array(5).fill(meanwhile));
      await stack.must(["config", "rm", "--path", path, ...stack.flag]);
      await arrives();
      expect(await inSessions(setting)).toEqual(Array(5).fill(before));
    },
  );

  it("by an error of Postgres is not taken for done by the next one", async () => {
    const asSuperuser = async (text: string) => stack.sql(text, await superuserUrl());
    await stack.setPath("poolkit:overrides.statementTimeoutSeconds", "29");
    await asSuperuser(`ALTER ROLE ${roles.app} RENAME TO away`);
    const failed = await stack.up();
    await asSuperuser(`ALTER ROLE away RENAME TO ${roles.app}`);
    expect(failed.code, failed.text).not.toBe(0);
    await arrives();
    expect(await stack.sql(`SELECT rolconfig FROM pg_roles WHERE rolname = '${roles.app}'`)).toEqual([
      { rolconfig: expect.arrayContaining(["statement_timeout=29000"]) },
    ]);
  });

  // What the engine did last: it stopped the former container, made the new one, started it.
  it.each(["die", "create", "start"])("in the middle of a replacement arrives, too: %s", async (last) => {
    await cutReplacementAfter(last);
    await arrives();
  });

  it("in the middle of a replacement can be removed, too", async () => {
    await cutReplacementAfter("create");
    const { code, text } = await project.run("node", ["cli/poolkit.js", "down", ...stack.flag]);
    expect(code, text).toBe(0);
    expect(await resourcesOf(stack.name)).toEqual([]);
  });
});
