import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineNames } from "../../infra/names.ts";
import { resourcesOf } from "./support/engine.ts";
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

describe("an up that is cut", () => {
  it.each(cuts)("by %s while it creates %s leaves a state to go on from", async (signal, resource) => {
    const running = project.start("node", ["cli/poolkit.js", "up", ...stack.flag]);
    const creating = new RegExp(`\\b${resource}[\\w-]* creat`);
    let sent = false;
    running.onText((text) => {
      if (!sent && creating.test(text)) {
        sent = true;
        running.signalGroup(signal);
      }
    });
    const { code, text } = await running.ended;
    expect(sent, `${resource} was never created:\n${text}`).toBe(true);
    expect(code, text).not.toBe(0);
    // Pulumi asks for it: "the stack is currently locked".
    if (signal === "SIGKILL") await stack.must(["cancel", "--yes", stack.name]);
  });

  it("arrives at the same end", async () => {
    const { code, text } = await project.run("node", ["cli/poolkit.js", "up", ...stack.flag]);
    expect(code, text).toBe(0);
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
    expect((await stack.health()).body.status).toBe("pass");
    const settled = await stack.up("--refresh", "--expect-no-changes");
    expect(settled.code, settled.text).toBe(0);
  });
});
