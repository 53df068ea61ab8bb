import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { follow } from "../support/follower.ts";
import { resourcesOf } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { leaksIn, secretsOf } from "./support/secrets.ts";
import { TestStack } from "./support/stack.ts";

/** The user's own application in place of the reference application: examples/express-pg as its README deploys it. */
const example = "examples/express-pg";
const project = new Project();
let stack: TestStack;

beforeAll(async () => {
  // Files that only their owner may read: the image's user is another one.
  const built = await project.run("sh", ["-c", `umask 077 && node ${join(example, "build.mjs")}`]);
  if (built.code !== 0) throw new Error(built.text);
  stack = await TestStack.create(project, "dev", "own");
  await useExample();
  await stack.mustUp();
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

/** Sets what the example's stack file has under `poolkit:application`. */
async function useExample(): Promise<void> {
  const { config } = parse(readFileSync(join(project.directory, example, "Pulumi.express.yaml"), "utf8"));
  for (const [name, value] of leaves(config["poolkit:application"])) {
    await stack.setPath(`poolkit:application.${name}`, value);
  }
}

/** What a shell command says in the application's container. */
async function readInApp(command: string): Promise<string> {
  const exec = await stack
    .container("app")
    .exec({ Cmd: ["sh", "-c", command], AttachStdout: true, AttachStderr: true, Tty: true });
  const stream = await exec.start({ Tty: true });
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text.replaceAll("\r", "");
}

const idOf = async (component: "pgbouncer" | "app") => (await stack.container(component).inspect()).Id;
const request = async (path: string, method = "GET") => {
  const { url } = await stack.outputs();
  const response = await fetch(`${url}${path}`, { method });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe("an own application", () => {
  it("is healthy, also for the command", async () => {
    expect(await request("/health")).toEqual({ status: 200, body: { status: "ok" } });
    const { healthUrl, url } = await stack.outputs();
    expect(healthUrl).toBe(`${url}/health`);
    const { code, text } = await project.run("node", ["cli/poolkit.js", "health", ...stack.flag]);
    expect(code, text).toBe(0);
    expect(text).toMatch(/^health {7}pass$/m);
  });

  it("writes and reads rows of its own tables through PgBouncer", async () => {
    for (let visit = 0; visit < 3; visit++) expect((await request("/visits", "POST")).status).toBe(201);
    expect((await request("/visits")).body).toEqual({ visits: 3 });
    expect(await stack.sql("SELECT count(*)::int AS visits FROM app.visits")).toEqual([{ visits: 3 }]);
    const clients = await stack.console<{ application_name: string; user: string }>("SHOW CLIENTS");
    expect(clients).toContainEqual(
      expect.objectContaining({ application_name: "express-pg", user: "poolkit_app" }),
    );
    const tables = await stack.sql<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'app' ORDER BY 1",
    );
    expect(tables.map(({ name }) => name)).toEqual(["_prisma_migrations", "visits"]);
  });

  it("runs hardened, as its own user, with its secrets in files only", async () => {
    const inspected = await stack.container("app").inspect();
    expect(inspected.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Memory: 256 * 1024 * 1024,
    });
    expect(inspected.Config.User).toBe("1000:1000");
    expect(inspected.Config.Env).toEqual(
      expect.arrayContaining(["DATABASE_URL_FILE=/run/poolkit/database-url", "PORT=8080", "TZ=UTC"]),
    );
    const logs = (await stack.container("app").logs({ stdout: true, stderr: true })).toString();
    const processes = await stack.container("app").top({ ps_args: "axww" });
    const seen = [JSON.stringify(inspected), logs, JSON.stringify(processes)].join("\n");
    expect(leaksIn(seen, secretsOf(stack))).toEqual([]);
  });

  it("changes nothing at a second up, nor at one that refreshes", async () => {
    const second = await stack.up("--expect-no-changes");
    expect(second.code, second.text).toBe(0);
    const refreshed = await stack.up("--refresh", "--expect-no-changes");
    expect(refreshed.code, refreshed.text).toBe(0);
  });

  it("gets a new container for another preset, as the preview says, and keeps its rows; PgBouncer stays", async () => {
    const [app, pgbouncer] = [await idOf("app"), await idOf("pgbouncer")];
    await stack.setPath("poolkit:preset", "prod");
    await stack.setPath("poolkit:overrides.protectData", "false");
    const preview = await stack.preview("--json");
    expect(replacedIn(preview.text)).toEqual(["app-server"]);
    await stack.mustUp();
    expect(await idOf("app")).not.toBe(app);
    expect(await idOf("pgbouncer")).toBe(pgbouncer);
    expect((await request("/visits")).body).toEqual({ visits: 3 });
  });

  it("gets a new image and container when a file of its folder has changed", async () => {
    const app = await idOf("app");
    const file = join(project.directory, example, "dist/server.mjs");
    writeFileSync(file, `${readFileSync(file, "utf8")}\nconsole.log("another release");\n`);
    await stack.mustUp();
    expect(await idOf("app")).not.toBe(app);
    expect((await stack.container("app").logs({ stdout: true })).toString()).toContain("another release");
    // What .dockerignore leaves out does not count.
    writeFileSync(join(project.directory, example, "notes.txt"), "not part of the image");
    expect((await stack.up("--expect-no-changes")).code).toBe(0);
  });

  it("stops within its grace, by itself", async () => {
    const container = stack.container("app");
    await container.stop({ t: 15 });
    expect((await container.inspect()).State.ExitCode).toBe(0);
    await container.start();
  });

  it("runs from an image that the engine has, with its URLs under the names of its choice", async () => {
    const { Image } = (await stack.container("app").inspect()).Config;
    await stack.must(["config", "rm", "--path", "poolkit:application.context", ...stack.flag]);
    const values = {
      image: Image,
      databaseUrlVariable: "PG_URL",
      directUrlVariable: "PG_DIRECT",
      // The example itself knows this name only.
      "environment.DATABASE_URL_FILE": "/run/poolkit/database-url",
    };
    for (const [name, value] of Object.entries(values)) {
      await stack.setPath(`poolkit:application.${name}`, value);
    }
    await stack.mustUp();
    const { Env } = (await stack.container("app").inspect()).Config;
    expect(Env).toEqual(
      expect.arrayContaining([
        "PG_URL_FILE=/run/poolkit/database-url",
        "PG_DIRECT_FILE=/run/poolkit/direct-url",
      ]),
    );
    const [pooled = "", direct = ""] = (await readInApp("cat $PG_URL_FILE; echo; cat $PG_DIRECT_FILE")).split(
      "\n",
    );
    expect(new URL(pooled)).toMatchObject({ username: "poolkit_app", host: "pgbouncer:6432" });
    expect(new URL(direct)).toMatchObject({ username: "poolkit_owner", host: "postgres:5432" });
    expect((await request("/visits")).body).toEqual({ visits: 3 });
  });

  it("makes place for the reference application and comes back, in the same stack", async () => {
    const pgbouncer = await idOf("pgbouncer");
    await stack.must(["config", "rm", "poolkit:application", ...stack.flag]);
    await stack.mustUp();
    const { url } = await stack.outputs();
    expect((await fetch(`${url}/readyz`)).status).toBe(200);

    // As an engine stops it that nobody has told how long that may take: by hand, or when its machine goes down.
    const { text } = await stack.must(["stack", "output", "apiToken", "--show-secrets", ...stack.flag]);
    const callers = follow(url, text.trim(), 10, () => ({ path: "/api/dashboard" }));
    await callers.progress(100);
    const container = stack.container("app");
    await container.stop();
    expect((await callers.left).failures).toEqual([]);
    expect((await container.inspect()).State).toMatchObject({ ExitCode: 0, OOMKilled: false });
    await container.start();

    await useExample();
    await stack.mustUp();
    expect((await request("/visits")).body).toEqual({ visits: 3 });
    expect(await idOf("pgbouncer")).toBe(pgbouncer);
  });

  it("leaves nothing behind", async () => {
    const { code, text } = await stack.destroy();
    expect(code, text).toBe(0);
    expect(await resourcesOf(stack.name)).toEqual([]);
  });
});

/** Paths and values of a configuration object, as `pulumi config set --path` takes them. */
function leaves(value: object, prefix = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] =>
    typeof inner === "object" ? leaves(inner, `${prefix}${name}.`) : [[`${prefix}${name}`, String(inner)]],
  );
}

/** Names of the resources that a preview plans to replace. */
function replacedIn(json: string): string[] {
  const { steps } = JSON.parse(json.slice(json.indexOf("{"))) as { steps: { op: string; urn: string }[] };
  const replaced = steps.filter(({ op }) => op === "replace");
  return [...new Set(replaced.map(({ urn }) => urn.split("::").at(-1) ?? urn))].sort();
}
