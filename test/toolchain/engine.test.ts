import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askVersion } from "../../toolchain/engine/api.mjs";
import { decideEngine, findEngine } from "../../toolchain/engine/engine.mjs";
import { whyNotInstallable } from "../../toolchain/engine/install.mjs";
import { DEFAULT_HOST, locateEngine } from "../../toolchain/engine/locate.mjs";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "poolkit-home-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** Docker's configuration with one context. */
function addContext(name: string, host: string, options: { current: boolean; tls: boolean }): void {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = join(home, ".docker/contexts/meta", id);
  mkdirSync(meta, { recursive: true });
  writeFileSync(
    join(meta, "meta.json"),
    JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
  );
  if (options.tls) mkdirSync(join(home, ".docker/contexts/tls", id, "docker"), { recursive: true });
  if (options.current)
    writeFileSync(join(home, ".docker/config.json"), JSON.stringify({ currentContext: name }));
}

describe("locateEngine", () => {
  it("prefers DOCKER_HOST to everything", () => {
    addContext("desktop", "unix:///desktop.sock", { current: true, tls: false });
    expect(locateEngine({ HOME: home, DOCKER_HOST: "tcp://h:1", DOCKER_CONTEXT: "desktop" })).toMatchObject({
      host: "tcp://h:1",
      from: "DOCKER_HOST",
      certificates: undefined,
    });
  });

  it("does not take what .poolkit/env has set for the user's choice", () => {
    addContext("desktop", "unix:///desktop.sock", { current: true, tls: false });
    const env = { HOME: home, DOCKER_HOST: "tcp://h:1", POOLKIT_DOCKER_HOST: "tcp://h:1" };
    expect(locateEngine(env)).toMatchObject({ from: "context" });
  });

  it("takes the certificates that belong to DOCKER_HOST", () => {
    const env = { HOME: home, DOCKER_HOST: "tcp://h:1", DOCKER_TLS_VERIFY: "1" };
    expect(locateEngine(env)).toMatchObject({ certificates: join(home, ".docker") });
    expect(locateEngine({ ...env, DOCKER_CERT_PATH: "/certs" })).toMatchObject({ certificates: "/certs" });
  });

  it("follows the current context, and DOCKER_CONTEXT before it", () => {
    addContext("desktop", "unix:///desktop.sock", { current: true, tls: false });
    addContext("remote", "tcp://remote:2376", { current: false, tls: true });
    expect(locateEngine({ HOME: home })).toMatchObject({ host: "unix:///desktop.sock", context: "desktop" });
    const remote = locateEngine({ HOME: home, DOCKER_CONTEXT: "remote" });
    expect(remote).toMatchObject({ host: "tcp://remote:2376", context: "remote" });
    expect(remote).toHaveProperty("certificates", expect.stringContaining("/tls/"));
  });

  it("names a context that does not exist", () => {
    expect(locateEngine({ HOME: home, DOCKER_CONTEXT: "gone" })).toEqual({ missingContext: "gone" });
  });

  it("goes on when Docker's configuration is broken", () => {
    mkdirSync(join(home, ".docker"));
    writeFileSync(join(home, ".docker/config.json"), "{");
    expect(locateEngine({ HOME: home })).toMatchObject({ from: "socket" });
  });
});

describe("decideEngine", () => {
  it.each([
    ["an address of the user's", { from: "DOCKER_HOST", host: "tcp://h:1" } as const, /DOCKER_HOST/],
    ["a context of the user's", { from: "context", host: "tcp://h:1" } as const, /docker context use/],
    ["no permission", { from: "socket", host: DEFAULT_HOST, code: "EACCES" } as const, /group docker/],
    [
      "a user's own engine",
      { from: "socket", host: "unix:///home/a/.docker/run/docker.sock" } as const,
      /start Docker/,
    ],
  ])("never installs over %s", (_name, failure, fix) => {
    expect(decideEngine(failure, undefined)).toEqual({ fix: expect.stringMatching(fix) });
  });

  it("installs where nothing is and it can, and says why where it cannot", () => {
    const failure = { from: "socket", host: DEFAULT_HOST, code: "ENOENT" } as const;
    expect(decideEngine(failure, undefined)).toBe("install");
    expect(decideEngine(failure, "do it yourself")).toEqual({ fix: "do it yourself" });
  });

  it("never installs when POOLKIT_INSTALL=never", () => {
    expect(whyNotInstallable({ POOLKIT_INSTALL: "never" })).toContain("POOLKIT_INSTALL=never");
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

describe.skipIf(!hasIpv6)("an engine with an IPv6 address", () => {
  it("answers", async () => {
    const server = createHttpServer((_request, response) => response.end('{"Version":"29.0"}'));
    await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    try {
      const answer = await askVersion({ host: `tcp://[::1]:${port}`, from: "DOCKER_HOST" }, 5_000);
      expect(answer).toEqual({ version: "29.0" });
    } finally {
      server.close();
    }
  });
});

describe("an engine that does not answer", () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    server = undefined;
  });

  it("is a bounded, explained failure", async () => {
    const env = { HOME: home, DOCKER_HOST: `unix://${home}/none.sock` };
    await expect(findEngine({ env, cache: home, onLong: () => undefined })).rejects.toMatchObject({
      name: "SetupProblem",
      code: "ENGINE_UNREACHABLE",
      found: expect.stringContaining("none.sock"),
      fix: expect.stringContaining("DOCKER_HOST"),
    });
  });

  it("is given up after the limit when it accepts and says nothing", async () => {
    const socket = join(home, "mute.sock");
    server = createServer(() => undefined).listen(socket);
    await new Promise((resolve) => server?.once("listening", resolve));
    const answer = await askVersion({ host: `unix://${socket}`, from: "DOCKER_HOST" }, 50);
    expect(answer).toMatchObject({ reason: expect.stringContaining("within 0.05 s") });
  });

  it.each(["npipe:////./pipe/docker_engine", "not an address"])(
    "explains an unusable address: %s",
    async (host) => {
      expect(await askVersion({ host, from: "DOCKER_HOST" }, 50)).toHaveProperty("reason");
    },
  );
});
