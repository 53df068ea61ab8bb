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

/** Of as many of the application's sessions at the same moment as PgBouncer's pool has. */
async function lockTimeouts(): Promise<string[]> {
  const { databaseUrl } = await stack.outputs();
  const session = () =>
    stack.sql<{ lock: string }>("SELECT current_setting('lock_timeout') AS lock, pg_sleep(0.3)", databaseUrl);
  const sessions = await Promise.all(Array.from({ length: 5 }, session));
  return sessions.flatMap((rows) => rows.map(({ lock }) => lock));
}

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
    expect(await lockTimeouts()).toEqual(Array(5).fill("3s"));
    await stack.must(["config", "rm", "--path", "poolkit:overrides.lockTimeoutSeconds", ...stack.flag]);
    await arrives();
    expect(await lockTimeouts()).toEqual(Array(5).fill("10s"));
  });

  it("by an error of Postgres is not taken for done by the next one", async () => {
    const superuser = `postgresql://${roles.superuser}:${stack.passwordOf(roles.superuser)}@`;
    const { directDatabaseUrl } = await stack.outputs();
    const asSuperuser = (text: string) => stack.sql(text, directDatabaseUrl.replace(/^.*@/, superuser));
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
    await stack.setPath("poolkit:ports.app", String(await freePort()));
    const filters = JSON.stringify({ type: ["container"], event: [last] });
    const ending = new AbortController();
    const events = await engine.getEvents({ filters, abortSignal: ending.signal });
    events.on("error", () => undefined);
    const { app } = engineNames(stack.name);
    await upCut("SIGKILL", (cut) => {
      events.on("data", (event: Buffer) => event.toString().includes(`"${app}"`) && cut());
    }).finally(() => ending.abort());
    await arrives();
  });
});
