import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resourcesOf } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { secretsOf } from "./support/secrets.ts";
import { TestStack } from "./support/stack.ts";

/** The command as a person and as a script use it, on a real stack. */
const project = new Project();
let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create(project, "dev", "command");
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

const poolkit = (...args: string[]) => project.run("node", ["cli/poolkit.js", ...args]);

describe("poolkit", () => {
  it("up: ends with the URL, the health summary and what to do next", async () => {
    const { code, text } = await poolkit("up", ...stack.flag);
    expect(code, text).toBe(0);
    const { url } = await stack.outputs();
    const end = text.slice(text.lastIndexOf("application  http"));
    expect(end).toContain(`application  ${url}`);
    expect(end).toMatch(/^health {7}pass$/m);
    expect(end).toContain(`npx poolkit health -s ${stack.name}`);
    for (const secret of secretsOf(stack)) expect(text.includes(secret)).toBe(false);
  });

  it("health: 0 and one JSON object", async () => {
    const { code, text } = await poolkit("health", "--json", ...stack.flag);
    expect(code, text).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ status: "pass", configuration: { stack: stack.name } });
  });

  it("status: addresses and limits as one JSON object, no secret", async () => {
    const { code, text } = await poolkit("status", "--json", ...stack.flag);
    expect(code, text).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ stack: stack.name, preset: "dev", health: "pass" });
    for (const secret of secretsOf(stack)) expect(text.includes(secret)).toBe(false);
  });

  it("health: 2 with the cause while PgBouncer is stopped, 2 while the application is", async () => {
    await stack.container("pgbouncer").stop();
    // Looks are shared for up to a second: the first answer may be of the time before the stop.
    await expect
      .poll(() => poolkit("health", ...stack.flag), { timeout: 5_000 })
      .toMatchObject({ code: 2, text: expect.stringContaining("pgbouncer_unreachable") });
    await stack.container("pgbouncer").start();
    await stack.container("app").stop();
    const gone = await poolkit("health", ...stack.flag);
    expect(gone).toMatchObject({ code: 2, text: expect.stringContaining("unreachable") });
  });

  it("2 and one clear line for a stack or a command that does not exist", async () => {
    const noStack = await poolkit("health", "-s", "nowhere");
    expect(noStack).toMatchObject({ code: 2, text: expect.stringContaining("no stack named 'nowhere'") });
    const noCommand = await poolkit("helth");
    expect(noCommand).toMatchObject({ code: 2, text: expect.stringContaining("Did you mean health?") });
  });

  it("up: one clear line when the engine does not answer", async () => {
    const env = { DOCKER_HOST: "unix:///nowhere/docker.sock" };
    const { code, text } = await project.run("node", ["cli/poolkit.js", "up", ...stack.flag], { env });
    expect(code, text).toBe(2);
    expect(text).toContain("Docker Engine does not answer");
    expect(text).not.toMatch(/^\s+at /m);
  });

  it("down: removes everything", async () => {
    const { code, text } = await poolkit("down", ...stack.flag);
    expect(code, text).toBe(0);
    expect(await resourcesOf(stack.name)).toEqual([]);
  });
});
