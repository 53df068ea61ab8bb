import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { engineAvailable, type Postgres18, startPostgres18 } from "../support/postgres18.ts";
import { type Properties, secret, startPlugin, type TestPlugin } from "./support/plugin.ts";

const type = "PostgresGate";

describe.skipIf(!(await engineAvailable()))("PostgresGate", () => {
  const docker = new Docker();
  let server: Postgres18;
  let plugin: TestPlugin;
  let containerName: string;

  beforeAll(async () => {
    server = await startPostgres18();
    plugin = await startPlugin();
    containerName = (await docker.getContainer(server.containerId).inspect()).Name.slice(1);
  });
  afterAll(async () => {
    await plugin?.stop();
    await server?.stop();
  });

  function inputs(change: Properties = {}): Properties {
    const { host, port } = server;
    const password = secret(server.password);
    const connection = { host, port, database: "postgres", user: "postgres", password };
    return { connection: { ...connection, ...change }, containerName, triggers: {}, timeoutSeconds: 2 };
  }

  it("opens when the login works", async () => {
    const { id } = await plugin.create(type, inputs());
    expect(id).toBe(`${server.host}:${server.port}`);
  });

  it("opens once a stopped server is back", async () => {
    const container = docker.getContainer(server.containerId);
    await container.pause();
    const opened = plugin.create(type, { ...inputs(), timeoutSeconds: 30 });
    await container.unpause();
    await expect(opened).resolves.toBeDefined();
  });

  it("gives up with the reason of the last refusal", async () => {
    const port = await freePort();
    await expect(plugin.create(type, inputs({ port }))).rejects.toThrow(
      new RegExp(`does not take logins at .*:${port} within 2 s: .*ECONNREFUSED`),
    );
  });

  it("does not wait for what waiting cannot mend, and never shows the password", async () => {
    const wrong = plugin.create(type, inputs({ password: secret("canary-password") }));
    await expect(wrong).rejects.toThrow(/password authentication failed/);
    await expect(wrong).rejects.not.toThrow(/canary-password/);
  });

  it("tells the last words of a container that ended", async () => {
    const { Image } = await docker.getContainer(server.containerId).inspect();
    const Cmd = ["sh", "-c", "echo FATAL: no room; exit 7"];
    const ended = await docker.createContainer({
      Image,
      Entrypoint: [],
      Cmd,
      HostConfig: { NetworkMode: "none" },
    });
    try {
      await ended.start();
      await ended.wait();
      const name = (await ended.inspect()).Name.slice(1);
      const waiting = plugin.create(type, { ...inputs({ port: await freePort() }), containerName: name });
      await expect(waiting).rejects.toThrow(/ended with code 7: FATAL: no room/);
    } finally {
      await ended.remove({ force: true });
    }
  });
});
