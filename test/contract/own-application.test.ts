import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { givenFiles, givenVariables } from "../../infra/application-contract.ts";
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
