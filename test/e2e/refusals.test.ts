import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resourcesOf } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { SmallEngine, smallEnginePossible } from "./support/small-engine.ts";
import { TestStack } from "./support/stack.ts";

/** What is wrong is said once, clearly, before anything is created. */
const project = new Project();
let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create(project, "dev", "refused");
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

async function expectRefusal(run: { env?: NodeJS.ProcessEnv }, ...texts: string[]): Promise<void> {
  const { code, text } = await project.pulumi(["up", "--yes", "--skip-preview", ...stack.flag], run.env);
  expect(code, text).not.toBe(0);
  for (const expected of texts) expect(text).toContain(expected);
  expect(text, "no stack trace").not.toMatch(/^\s+at .*[(:]\d+\)?$/m);
  expect(text).not.toContain(project.canary);
  expect(await resourcesOf(stack.name)).toEqual([]);
}

describe("up refuses", () => {
  it("several mistakes in the configuration at once", async () => {
    await stack.setPath("poolkit:overrides.connectionLimit", "0");
    await stack.setPath("poolkit:overrides.poolTimoutSeconds", "5");
    await stack.setPath("poolkit:overrides.poolSize", "NaN");
    await stack.setPath("poolkit:overrides.maxClientConnections", "1e300");
    await stack.must(["config", "set", "poolkit:databaseName", 'a"; DROP\nTABLE', ...stack.flag]);
    await stack.setPath("poolkit:preset", "prd");
    try {
      await expectRefusal(
        {},
        "6 problems",
        'found    "prd"',
        "poolkit:overrides.connectionLimit",
        "did you mean poolkit:overrides.poolTimeoutSeconds?",
        "poolkit:overrides.poolSize",
        "poolkit:overrides.maxClientConnections",
        "poolkit:databaseName",
      );
    } finally {
      await stack.setPath("poolkit:preset", "dev");
      await stack.must(["config", "rm", "poolkit:overrides", ...stack.flag]);
      await stack.must(["config", "rm", "poolkit:databaseName", ...stack.flag]);
    }
  });

  it("a path of connections that does not fit, already at preview", async () => {
    await stack.setPath("poolkit:overrides.connectionLimit", "40");
    await stack.setPath("poolkit:pgbouncer.default_pool_size", "90");
    const inequality = ["= 90 clients", "at most 50 (max_client_conn)"];
    const fix = `pulumi config set -s ${stack.name} --path poolkit:overrides.maxClientConnections 90`;
    try {
      const preview = await project.pulumi(["preview", ...stack.flag]);
      expect(preview.code, preview.text).not.toBe(0);
      for (const text of ["nothing was created", ...inequality, fix]) expect(preview.text).toContain(text);
      await expectRefusal({}, ...inequality, fix, "poolkit:pgbouncer.default_pool_size");
    } finally {
      await stack.must(["config", "rm", "poolkit:overrides", ...stack.flag]);
      await stack.must(["config", "rm", "poolkit:pgbouncer", ...stack.flag]);
    }
  });

  it("a secret that is missing", async () => {
    const other = await TestStack.create(project, "dev", "seedless");
    await other.must(["config", "rm", "poolkit:secretSeed", ...other.flag]);
    const { code, text } = await other.up();
    expect(code).not.toBe(0);
    expect(text).toContain("poolkit:secretSeed");
    expect(text).toContain(`pulumi config set -s ${other.name} --secret poolkit:secretSeed`);
    expect(await resourcesOf(other.name)).toEqual([]);
  });

  it("a secret that is stored in plain text", async () => {
    const other = await TestStack.create(project, "dev", "plain");
    await other.must(["config", "set", "--plaintext", "poolkit:secretSeed", "x".repeat(40), ...other.flag]);
    const { code, text } = await other.up();
    expect(code).not.toBe(0);
    expect(text).toContain("stored in plain text");
    expect(await resourcesOf(other.name)).toEqual([]);
  });

  it("a host port that somebody else has", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { text: former } = await stack.must([
      "config",
      "get",
      "--path",
      "poolkit:ports.pgbouncer",
      ...stack.flag,
    ]);
    await stack.setPath("poolkit:ports.pgbouncer", String(port));
    try {
      await expectRefusal({}, "poolkit:ports.pgbouncer", String(port));
    } finally {
      server.close();
      await stack.setPath("poolkit:ports.pgbouncer", former.trim());
    }
  });

  it("an engine that does not answer", async () => {
    await expectRefusal({ env: { DOCKER_HOST: "unix:///nowhere/docker.sock" } }, "/nowhere/docker.sock");
  });

  it("an engine on another machine, without waiting for anything on it", async () => {
    await stack.must(["config", "set", "docker:host", "tcp://192.0.2.1:2375", ...stack.flag]);
    const start = performance.now();
    try {
      await expectRefusal({}, "docker:host", "another machine, 192.0.2.1", "poolkit:enginePortsForwarded");
      expect(performance.now() - start).toBeLessThan(30_000);
    } finally {
      await stack.must(["config", "rm", "docker:host", ...stack.flag]);
    }
  });

  it.skipIf(!smallEnginePossible)("an engine whose disk has no room for the images", async () => {
    const small = await SmallEngine.start(300, "debian:forky-slim");
    try {
      await expectRefusal(
        { env: { DOCKER_HOST: small.host } },
        "at least 2500 MB to build images",
        "make room",
      );
      const { Volumes } = await small.docker.listVolumes();
      expect([...(await small.docker.listContainers({ all: true })), ...Volumes]).toEqual([]);
    } finally {
      await small.stop();
    }
  });

  it("a base image that is neither here nor to be had", async () => {
    await stack.must(["config", "set", "poolkit:baseImage", "localhost:1/absent:none", ...stack.flag]);
    try {
      await expectRefusal({}, "poolkit:baseImage", "localhost:1/absent:none");
    } finally {
      await stack.must(["config", "rm", "poolkit:baseImage", ...stack.flag]);
    }
  });

  it("a wrong passphrase", async () => {
    const wrong = join(project.directory, "wrong-passphrase");
    writeFileSync(wrong, "wrong", { mode: 0o600 });
    await expectRefusal({ env: { PULUMI_CONFIG_PASSPHRASE_FILE: wrong } }, "incorrect passphrase");
  });

  it("a missing passphrase", async () => {
    await expectRefusal({ env: { PULUMI_CONFIG_PASSPHRASE_FILE: undefined } }, "PULUMI_CONFIG_PASSPHRASE");
  });
});
