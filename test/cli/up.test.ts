import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/**
 * `pulumi` of a stack that is deployed. $WAITS_IN names a command in which it waits until somebody stops it, $STATE is
 * the state that it exports, without which it cannot, $OUTPUTS its outputs.
 */
const standIn = `#!/bin/sh
echo "$1 $2" >> "$LOG"
if [ "$1 $2" = "$WAITS_IN" ]; then echo "waiting" >> "$LOG"; exec sleep 30; fi
case "$1 $2" in
  "stack ls") echo '[{"name":"organization/poolkit/dev","resourceCount":20}]' ;;
  "config get") echo "a seed" ;;
  "stack export") if [ -n "$STATE" ]; then echo "$STATE"; else echo "error: no such state" >&2; exit 255; fi ;;
  "refresh --stack") exit 7 ;;
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

it("looks for the stack's containers on the engine of its docker:host", async () => {
  const socket = join(folder, "docker.sock");
  const asked: string[] = [];
  const engine = createServer(({ url }, response) => {
    asked.push(url ?? "");
    response.writeHead(404).end("{}");
  });
  await new Promise<void>((listening) => engine.listen(socket, listening));
  const resources = [
    { urn: "kit", type: "pulumi:providers:poolkit", inputs: { dockerHost: `unix://${socket}` } },
    { urn: "app", type: "docker:index/container:Container", id: "0123" },
  ];
  try {
    const STATE = JSON.stringify({ deployment: { resources } });
    const { code, text } = await up({ STATE, DOCKER_HOST: "unix:///nowhere.sock" });
    expect(text).toBe("poolkit: 1 containers were removed or stopped by hand; telling the state\n");
    expect(code).toBe(7);
    expect(asked).toEqual(["/containers/0123/json"]);
    expect(lines().at(-1)).toBe("refresh --stack");
  } finally {
    engine.close();
  }
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
    const OUTPUTS = JSON.stringify({
      ...{ preset: "dev", url, healthUrl: url, healthToken: "t", poolLimits: {} },
      ...{ pgbouncerHost: "127.0.0.1", pgbouncerPort: 6432 },
    });
    const { code, output } = await up({ STATE: '{"deployment":{"resources":[]}}', OUTPUTS });
    expect(output).toContain("clients 0 active, 0 waiting");
    expect(code).toBe(0);
  } finally {
    health.close();
  }
});
