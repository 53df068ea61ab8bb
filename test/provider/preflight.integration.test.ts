import { once } from "node:events";
import { createServer, type Server } from "node:net";
import Docker from "dockerode";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { engineAvailable } from "../support/postgres18.ts";
import { type Properties, startPlugin, type TestPlugin } from "./support/plugin.ts";

const baseImage = process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim";

describe.skipIf(!(await engineAvailable()))("preflight", () => {
  const docker = new Docker();
  let plugin: TestPlugin;
  let container: Docker.Container | undefined;
  let server: Server | undefined;

  beforeEach(async () => {
    plugin = await startPlugin();
  });
  afterEach(async () => {
    server?.close();
    await container?.remove({ force: true });
    [server, container] = [undefined, undefined];
    await plugin.stop();
  });

  async function problems(args: Properties): Promise<Properties[]> {
    const result = await plugin.invoke("preflight", {
      stack: "s1",
      ports: {},
      containerNames: [],
      baseImage,
      images: {},
      ...args,
    });
    expect(result.engineVersion).toMatch(/^\d+\./);
    return result.problems as Properties[];
  }

  async function publish(
    stack: string,
    port: number,
    { protocol = "tcp", ip = "127.0.0.1" } = {},
  ): Promise<string> {
    const inside = `80/${protocol}`;
    const options = { ExposedPorts: { [inside]: {} }, Labels: { "poolkit.stack": stack }, Image: baseImage };
    const name = `poolkit-test-preflight-${port}`;
    const HostConfig = { PortBindings: { [inside]: [{ HostIp: ip, HostPort: String(port) }] } };
    container = await docker.createContainer({ ...options, name, Cmd: ["sleep", "60"], HostConfig });
    await container.start();
    return name;
  }

  it("finds nothing wrong with free ports and names", async () => {
    const ports = { "poolkit:ports.app": { port: await freePort(), container: "poolkit-s1-app" } };
    expect(await problems({ ports, containerNames: ["poolkit-s1-app"] })).toEqual([]);
  });

  it("asks for the space on the disk of the images that have to be built, and of no other", async () => {
    const huge = 1e12;
    expect(await problems({ images: { [baseImage]: huge } })).toEqual([]);
    expect(await problems({ images: { "poolkit/absent:none": 1, [baseImage]: huge } })).toEqual([]);
    const absent = { "poolkit/absent:none": huge, "poolkit/absent:too": 500 };
    const [problem] = await problems({ images: { ...absent, [baseImage]: huge } });
    expect(problem).toMatchObject({
      path: "docker",
      found: expect.stringMatching(/^\d+ MB free in \//),
      allowed: "at least 1000000000500 MB to build images",
    });
  });

  it("takes what the stack's own containers hold as free, and names another stack's container", async () => {
    const port = await freePort();
    const name = await publish("s1", port);
    const wanted = { ports: { "poolkit:ports.app": { port, container: name } }, containerNames: [name] };
    expect(await problems(wanted)).toEqual([]);
    const others = await problems({ ...wanted, stack: "s2" });
    expect(others.map(({ path, found }) => [path, found])).toEqual([
      ["stack", `a container ${name} that is not part of stack s2`],
      ["poolkit:ports.app", `${port}, published by ${name}`],
    ]);
    expect(others[1]?.fix).toBe("pulumi config set --path poolkit:ports.app <a free port>");
  });

  it("does not hand a port from one container of the stack to another: it is held until that one has moved", async () => {
    const port = await freePort();
    const name = await publish("s1", port);
    const ports = { "poolkit:ports.pgbouncer": { port, container: "poolkit-s1-pgbouncer" } };
    expect(await problems({ ports })).toMatchObject([
      {
        path: "poolkit:ports.pgbouncer",
        found: `${port}, published by ${name} until it has moved`,
        fix: expect.stringContaining(`first another port for ${name}`),
      },
    ]);
  });

  it.each([
    ["by UDP", { protocol: "udp" }],
    ["at another address", { ip: "127.0.0.2" }],
  ])("takes a port as free that a container publishes %s", async (_, where) => {
    const port = await freePort();
    await publish("s2", port, where);
    expect(await problems({ ports: { "poolkit:ports.app": { port, container: "poolkit-s1-app" } } })).toEqual(
      [],
    );
  });

  it("names who publishes a port at every address", async () => {
    const port = await freePort();
    const name = await publish("s2", port, { ip: "0.0.0.0" });
    expect(
      await problems({ ports: { "poolkit:ports.app": { port, container: "poolkit-s1-app" } } }),
    ).toMatchObject([{ found: `${port}, published by ${name}` }]);
  });

  it("names a port that a process holds, and one that is wanted twice", async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const found = await problems({
      ports: { a: { port, container: "x" }, b: { port, container: "y" } },
    });
    expect(found.map((one) => one.found)).toEqual([
      `${port}, used by a process of this machine`,
      `${port}, as a`,
    ]);
  });

  it("says how to get a base image that is absent", async () => {
    expect(await problems({ baseImage: "poolkit-test/absent:1" })).toMatchObject([
      {
        path: "poolkit:baseImage",
        found: "poolkit-test/absent:1 is not on the engine",
        fix: expect.stringContaining("docker pull"),
      },
    ]);
  });

  it("reports an engine that does not answer, and every other call says so in words", async () => {
    const lost = await startPlugin({ DOCKER_HOST: "unix:///nowhere.sock" });
    try {
      const args = {
        stack: "s",
        ports: {},
        containerNames: [],
        baseImage,
        images: {},
      };
      expect(await lost.invoke("preflight", args)).toMatchObject({
        engineVersion: "",
        problems: [{ path: "docker", found: expect.stringContaining("unix:///nowhere.sock") }],
      });
      const place = { volumeName: "v", containerName: "c", image: "i", uid: 1, gid: 1 };
      const created = lost.create("AppConfig", { ...place, settings: {}, files: {} });
      await expect(created).rejects.toThrow(
        /^2 UNKNOWN: Docker Engine does not answer at unix:\/\/\/nowhere.sock/,
      );
    } finally {
      await lost.stop();
    }
  });
});
