import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it } from "vitest";
import { givenFiles, givenVariables } from "../../infra/application-contract.ts";
import { freePort } from "../support/free-port.ts";
import { type Registered, registeredResources } from "../support/program.ts";

const application = {
  context: "examples/express-pg",
  port: 8080,
  directUrlVariable: "DIRECT_URL",
  environment: { TZ: "UTC" },
};
let registered: Registered[];

beforeAll(async () => {
  process.chdir(join(import.meta.dirname, "../.."));
  registered = await registeredResources({
    "poolkit:preset": "dev",
    "poolkit:secretSeed": "s".repeat(40),
    "poolkit:application": JSON.stringify(application),
  });
});

const inputsOf = (name: string) => registered.find((resource) => resource.name === name)?.inputs;

describe("what the program gives an own application", () => {
  it("are the variables of the contract and the user's own", () => {
    const given = givenVariables({ ...application, databaseUrlVariable: "DATABASE_URL" });
    const wanted = given.map(({ name, value }) => `${name}=${value}`);
    expect(inputsOf("app-server")?.envs).toEqual([...wanted, "TZ=UTC"].sort());
  });

  it("are the files of the contract", () => {
    const files = inputsOf("app-config")?.files as { value: object };
    const names = [...Object.keys(files.value), "settings.json"];
    expect(names.sort()).toEqual(givenFiles.map(({ name }) => name).sort());
  });

  it("is an image of its folder, its own user, and a container that is replaced with its files", () => {
    const image = inputsOf("images-app");
    expect(image).toMatchObject({
      name: expect.stringMatching(/^poolkit\/own-app:[0-9a-f]{16}$/),
      build: { context: "examples/express-pg", dockerfile: "Dockerfile" },
    });
    expect(inputsOf("app-server")).toMatchObject({ image: image?.name, user: "1000:1000" });
    expect(inputsOf("app-server")?.labels).toContainEqual({ label: "poolkit.config", value: "0" });
    expect(inputsOf("app-config")).toMatchObject({ reloadSignal: "none" });
  });

  it("is no table of the reference application", () => {
    expect(registered.filter(({ type }) => type === "poolkit:index:Migrations")).toEqual([]);
  });
});

it("the example runs on the versions that this project tests", () => {
  const packageAt = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  const { dependencies, devDependencies } = packageAt("examples/express-pg/package.json");
  expect(packageAt("package.json")).toMatchObject({
    dependencies: { pg: dependencies.pg },
    devDependencies: { express: dependencies.express, esbuild: devDependencies.esbuild },
  });
});

it("the example ends with an error where its port is taken", async () => {
  const other = createServer().listen(0);
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const app = spawn(process.execPath, ["examples/express-pg/server.mjs"], {
    env: { PORT: String(port), DATABASE_URL: "postgres://app:pw@127.0.0.1:1/d" },
  });
  try {
    const [said, [code]] = await Promise.all([text(app.stderr), once(app, "exit")]);
    expect(code).toBe(1);
    expect(said).toContain("EADDRINUSE");
  } finally {
    other.close();
  }
});

it("the example says that it cannot serve long before a query gives up waiting for a connection", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const database = typeof address === "object" ? address?.port : undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "poolkit-example-"));
  const limits = { DATABASE_CONNECTION_LIMIT: "2", DATABASE_POOL_TIMEOUT: "600", STOP_GRACE: "1" };
  writeFileSync(join(folder, "settings.json"), JSON.stringify(limits));
  const app = spawn(process.execPath, ["examples/express-pg/server.mjs"], {
    env: {
      PORT: String(port),
      DATABASE_URL: `postgres://app:pw@127.0.0.1:${database}/d`,
      POOLKIT_CONFIG_DIR: folder,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(app.stdout, "data");
    const { status } = await fetch(`http://127.0.0.1:${port}/health`, {
      signal: AbortSignal.timeout(45_000),
    });
    expect(status).toBe(503);
  } finally {
    app.kill("SIGKILL");
    silent.close();
    rmSync(folder, { recursive: true });
  }
});
