import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { deployedIn } from "../../cli/doctor/deployed.ts";
import { look } from "../../cli/doctor/look.ts";
import { engineClient, enginePlace } from "../../cli/engine.ts";
import { engineNames } from "../../infra/names.ts";

/** Two engines that only tell which one they are. */
const folder = mkdtempSync(join(tmpdir(), "poolkit-engines-"));
const hostOf = (name: string) => `unix://${join(folder, name)}`;
const engines = ["callers", "configured"].map((name) => ({
  name,
  server: createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ ServerVersion: name }));
  }),
}));

beforeAll(async () => {
  for (const { name, server } of engines) {
    await new Promise<void>((listening) => server.listen(join(folder, name), listening));
  }
});
afterAll(() => {
  for (const { server } of engines) server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vi.stubEnv("DOCKER_HOST", hostOf("callers"));
  return () => vi.unstubAllEnvs();
});

it.each([
  [undefined, "callers"],
  [hostOf("configured"), "configured"],
])(
  "asks the engine at docker:host %s, else the caller's, and leaves DOCKER_HOST alone",
  async (host, name) => {
    expect(await engineClient(host).info()).toEqual({ ServerVersion: name });
    expect(process.env.DOCKER_HOST).toBe(hostOf("callers"));
    expect(enginePlace(host)).toBe(hostOf(name));
  },
);

it("leaves DOCKER_HOST unset where it is", () => {
  vi.stubEnv("DOCKER_HOST", undefined);
  engineClient(hostOf("configured"));
  expect(process.env).not.toHaveProperty("DOCKER_HOST");
  expect(enginePlace(undefined)).toBe("its default socket");
});

it.each([
  ["a stack with a docker:host", { dockerHost: hostOf("configured") }, "configured"],
  ["a stack without", {}, "callers"],
])("the doctor looks at the engine of %s", async (_stack, inputs, name) => {
  const resources = [{ type: "pulumi:providers:poolkit", inputs }];
  const seen = deployedIn({ deployment: { resources } }, "app");
  const { engine } = await look(engineNames("dev"), Promise.resolve({ ok: true, seen, milliseconds: 1 }));
  expect(engine).toMatchObject({ ok: true, seen: { version: name } });
});

it("the doctor says what is wrong with an address of the engine that is none", async () => {
  vi.stubEnv("DOCKER_HOST", "tcp://[::1");
  const seen = deployedIn({ deployment: { resources: [] } }, "app");
  const { engine } = await look(engineNames("dev"), Promise.resolve({ ok: true, seen, milliseconds: 1 }));
  expect(engine).toMatchObject({ ok: false, message: expect.stringContaining("DOCKER_HOST") });
});
