import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/**
 * `pulumi` of a stack that is deployed. $WAITS_IN names a command in which it waits until somebody stops it, $STATE is
 * the state that it exports, without which it cannot, $REFRESHED how its refresh ends, $OUTPUTS its outputs, $STACKS the
 * stacks of its backend, $ENGINE docker:host, $SEED the stack's secret.
 */
const standIn = `#!/bin/sh
echo "$1 $2" >> "$LOG"
if [ "$1 $2" = "$WAITS_IN" ]; then echo "waiting" >> "$LOG"; exec sleep 30; fi
case "$1 $2" in
  "stack ls") echo "$STACKS" ;;
  "config get") if [ "$3" = "docker:host" ]; then echo "$ENGINE"; else echo "$SEED"; fi ;;
  "stack export") if [ -n "$STATE" ]; then echo "$STATE"; else echo "error: no such state" >&2; exit 255; fi ;;
  "refresh --stack") echo "of $7" >> "$LOG"; exit "$REFRESHED" ;;
  "stack output") echo "$OUTPUTS" ;;
esac
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "poolkit-up-"));
  writeFileSync(join(folder, "pulumi"), standIn);
  chmodSync(join(folder, "pulumi"), 0o755);
  writeFileSync(log(), "");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const outputsAt = (url: string) => ({
  ...{ preset: "dev", url, healthUrl: url, healthToken: "t", poolLimits: {} },
  ...{ pgbouncerHost: "127.0.0.1", pgbouncerPort: 6432 },
});

const log = () => join(folder, "log");
const lines = () => readFileSync(log(), "utf8").trim().split("\n");

/** `poolkit up` in a process group of its own; `signal` goes to all of it, as Ctrl-C does, once Pulumi waits. */
async function up(env: NodeJS.ProcessEnv, signal?: NodeJS.Signals) {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../cli/main.ts"), "up"], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      PULUMI_STACK: undefined,
      LOG: log(),
      SEED: "a seed",
      REFRESHED: "7",
      STACKS: '[{"name":"organization/poolkit/dev","resourceCount":20}]',
      ...env,
    },
  });
  let text = "";
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const closed = once(child, "close");
  if (signal !== undefined) {
    await expect.poll(lines, { timeout: 10_000 }).toContain("waiting");
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  }
  const [code] = await closed;
  return { code, text, output };
}

describe.skipIf(process.platform === "win32")("poolkit up, while it asks Pulumi quietly", () => {
  it.each(["stack ls", "config get", "stack export"])("is ended by Ctrl-C in %s", async (command) => {
    expect(await up({ WAITS_IN: command }, "SIGINT")).toMatchObject({
      code: 130,
      text: "poolkit: interrupted\n",
    });
    expect(lines().slice(-2)).toEqual([command, "waiting"]);
  });

  it("is ended by SIGTERM", async () => {
    expect(await up({ WAITS_IN: "stack export" }, "SIGTERM")).toMatchObject({
      code: 143,
      text: "poolkit: interrupted\n",
    });
  });

  it("says why the state cannot be read, and goes no further", async () => {
    expect(await up({})).toMatchObject({ code: 2, text: "poolkit: no such state\n" });
    expect(lines()).toEqual(["stack ls", "config get", "stack export"]);
  });
});

it("goes no further without the seed of a stack that is deployed: Pulumi would encrypt its state anew", async () => {
  expect(await up({ SEED: "" })).toMatchObject({
    code: 2,
    text: expect.stringContaining("pulumi config refresh -s dev"),
  });
  expect(lines()).toEqual(["stack ls", "config get"]);
});

describe("where the stack's containers are gone from their engine", () => {
  let engine: Server;
  let asked: string[];
  let resources: object[];
  beforeEach(async () => {
    asked = [];
    engine = createServer(({ url }, response) => {
      asked.push(url ?? "");
      response.writeHead(404).end("{}");
    });
    const socket = join(folder, "docker.sock");
    await new Promise<void>((listening) => engine.listen(socket, listening));
    resources = [
      { urn: "kit", type: "pulumi:providers:poolkit", inputs: { dockerHost: `unix://${socket}` } },
      { urn: "app", type: "docker:index/container:Container", id: "0123" },
    ];
  });
  afterEach(() => engine.close());

  it("is told by the engine of the stack's docker:host", async () => {
    const STATE = JSON.stringify({ deployment: { resources } });
    const { code, text } = await up({ STATE, DOCKER_HOST: "unix:///nowhere.sock" });
    expect(text).toBe("poolkit: 1 container was removed or stopped by hand; telling the state\n");
    expect(code).toBe(7);
    expect(asked).toEqual(["/containers/0123/json"]);
    expect(lines().at(-1)).toBe("of app");
  });

  it("looks at what failed in Postgres once its container is back, and updates again", async () => {
    resources.push({ urn: "role", type: "postgresql:index/role:Role", id: "a", initErrors: ["refused"] });
    const STATE = JSON.stringify({ deployment: { resources } });
    const OUTPUTS = JSON.stringify(outputsAt("http://127.0.0.1:9"));
    const { code } = await up({ STATE, OUTPUTS, REFRESHED: "0" });
    expect(code).toBe(0);
    expect(lines().filter((line) => /^(up|of)/.test(line))).toEqual([
      ...["of app", "up --stack", "of role", "up --stack"],
    ]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("updates nothing when %s comes while it looks", async (signal) => {
    const STATE = JSON.stringify({ deployment: { resources } });
    const { code, text } = await up({ STATE, WAITS_IN: "refresh --stack" }, signal);
    expect(code).toBe(signal === "SIGINT" ? 130 : 143);
    expect(text).toContain("poolkit: interrupted\n");
    expect(lines().at(-1)).toBe("waiting");
  });

  it("also looks for them after an update that was interrupted", async () => {
    const volume = { urn: "data", type: "docker:index/volume:Volume", inputs: { name: "data" } };
    const pending_operations = [{ type: "creating", resource: volume }];
    const STATE = JSON.stringify({ deployment: { resources, pending_operations } });
    const { text } = await up({ STATE });
    expect(text).toContain("the last update was interrupted");
    expect(text).toContain("1 container was removed or stopped by hand");
    expect(lines().at(-1)).toBe("of app");
  });
});

describe("where the engine has containers of a stack of this name", () => {
  let engine: Server;
  let ENGINE: string;
  let containers: object[];
  beforeEach(async () => {
    containers = [
      { Names: ["/poolkit-dev-app"], Labels: { "poolkit.stack": "dev" } },
      { Names: ["/poolkit-dev-data-files-1a2b"], Labels: { "poolkit.stack": "dev", "poolkit.helper": "v" } },
    ];
    engine = createServer(({ url }, response) => {
      const isList = url?.startsWith("/containers/json?") && url.includes("poolkit.stack%3Ddev");
      response.setHeader("content-type", "application/json").end(JSON.stringify(isList ? containers : []));
    });
    const socket = join(folder, "docker.sock");
    ENGINE = `unix://${socket}`;
    await new Promise<void>((listening) => engine.listen(socket, listening));
  });
  afterEach(() => engine.close());

  it.each([
    ["has no such stack", { STACKS: "[]" }],
    ["has one without a secret", { STACKS: '[{"name":"dev"}]', SEED: "" }],
    ["has one without resources", { STACKS: '[{"name":"dev","resourceCount":0}]' }],
  ])("does not write into their volumes when its backend %s", async (_, backend) => {
    const { code, text } = await up({ ...backend, ENGINE });
    expect(text).toMatch(/^poolkit: .*another checkout or backend made\n {2}found .*\(poolkit-dev-app\)\n/);
    expect(text).toContain("docker rm -f poolkit-dev-app");
    expect(code).toBe(2);
    expect(lines()).not.toContain("config set");
    expect(lines()).not.toContain("up --stack");
  });

  it("goes on when they are its own, when there are none, and when the engine does not answer", async () => {
    const STATE = '{"deployment":{"resources":[]}}';
    await up({ STATE, ENGINE });
    await up({ STATE, STACKS: '[{"name":"dev"}]', ENGINE });
    containers = containers.slice(1);
    await up({ STATE, STACKS: "[]", ENGINE });
    await up({ STATE, STACKS: "[]", ENGINE: "unix:///nowhere.sock" });
    expect(lines().filter((line) => line === "up --stack")).toHaveLength(4);
  });
});

it("does not end with clients that waited while PgBouncer first logged in to Postgres", async () => {
  const pool = {
    database: "poolkit",
    user: "poolkit_app",
    cl_active: 0,
    sv_active: 0,
    sv_idle: 0,
    poolSize: 5,
  };
  const looks = [4, 0].map((cl_waiting) => ({
    status: "pass",
    pool: { pgbouncer: { pools: [{ ...pool, cl_waiting }] } },
  }));
  let asked = 0;
  const health = createServer((_, response) => response.end(JSON.stringify(looks[asked++])));
  await new Promise<void>((listening) => health.listen(0, "127.0.0.1", listening));
  try {
    const address = health.address();
    if (address === null || typeof address === "string") throw new Error("it listens on no port");
    const url = `http://127.0.0.1:${address.port}`;
    const OUTPUTS = JSON.stringify(outputsAt(url));
    const { code, output } = await up({ STATE: '{"deployment":{"resources":[]}}', OUTPUTS });
    expect(output).toContain("clients 0 active, 0 waiting");
    expect(code).toBe(0);
  } finally {
    health.close();
  }
});
