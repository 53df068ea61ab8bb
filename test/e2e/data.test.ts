import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLoad } from "../support/load.ts";
import { Project } from "./support/project.ts";
import { TestStack } from "./support/stack.ts";

/** Rows written before a change are there after it; what need not be replaced is not. */
const project = new Project();
let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create(project, "dev", "data");
  await stack.mustUp();
  await stack.sql(
    "CREATE TABLE app.kept (id int PRIMARY KEY); INSERT INTO app.kept SELECT generate_series(1, 1000)",
  );
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
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
  expect((await stack.health()).body.status).toBe("pass");
}

describe("rows survive", () => {
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
