import { describe, expect, it } from "vitest";
import {
  administrationIn,
  containers,
  dockerHostIn,
  failedInPostgres,
  parseState,
  pendingCreates,
  pendingUpdates,
  withCreatesSettled,
} from "../../cli/stack-state.ts";

const container = {
  urn: "urn:pulumi:dev::poolkit::docker:index/container:Container::app-server",
  type: "docker:index/container:Container",
  inputs: { name: "poolkit-dev-app" },
  parent: "urn:pulumi:dev::poolkit::pulumi:pulumi:Stack::poolkit-dev",
};
const provider = {
  urn: "urn:pulumi:dev::poolkit::pulumi:providers:postgresql::database-admin",
  type: "pulumi:providers:postgresql",
  inputs: {
    host: "127.0.0.1",
    port: "5433",
    username: "postgres",
    database: "postgres",
    password: {
      "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
      plaintext: '"secret"',
    },
  },
};
const stack = { urn: container.parent, type: "pulumi:pulumi:Stack" };
const state = (deployment: object) => parseState(JSON.stringify({ version: 3, deployment }));
const interrupted = state({
  resources: [stack, provider],
  pending_operations: [
    { type: "creating", resource: container },
    { type: "creating", resource: { ...container, urn: "never-made" } },
    { type: "deleting", resource: provider },
  ],
});

describe("pendingCreates", () => {
  it.each([
    ["a stack that was never deployed", {}],
    ["a finished stack", { resources: [container], pending_operations: [] }],
    ["a pending update", { pending_operations: [{ type: "updating", resource: container }] }],
  ])("finds nothing in %s", (_what, deployment) => {
    expect(pendingCreates(state(deployment))).toEqual([]);
  });

  it("finds them by urn, type and name", () => {
    const { urn, type, inputs } = container;
    expect(pendingCreates(interrupted)[0]).toEqual({ urn, type, name: inputs.name });
  });
});

it("finds what failed in Postgres: not a container, which the program replaces itself", () => {
  const initErrors = ["1 error occurred"];
  const role = { urn: "role", type: "postgresql:index/role:Role", id: "app" };
  const resources = [provider, role, { ...role, urn: "failed", initErrors }, { ...container, initErrors }];
  expect(failedInPostgres(state({ resources }))).toEqual(["failed"]);
  expect(failedInPostgres(state({}))).toEqual([]);
});

it("finds what a killed update was changing", () => {
  const role = { urn: "role", type: "postgresql:index/role:Role" };
  const pending_operations = [
    { type: "updating", resource: role },
    { type: "creating", resource: container },
    { type: "deleting", resource: container },
  ];
  expect(pendingUpdates(state({ pending_operations }))).toEqual(["role"]);
  expect(pendingUpdates(state({}))).toEqual([]);
});

it("finds the containers that should run: not one that a replacement has deleted", () => {
  const deployed = { ...container, id: "0123" };
  const former = { ...container, urn: "former", id: "0456", pendingReplacement: true };
  expect(containers(state({ resources: [deployed, former, provider] }))).toEqual([
    { urn: container.urn, id: "0123" },
  ]);
});

describe("dockerHostIn", () => {
  const kit = (inputs: object) => ({ urn: "kit", type: "pulumi:providers:poolkit", inputs });
  const docker = { urn: "engine", type: "pulumi:providers:docker", inputs: { host: "unix:///caller.sock" } };

  it("is what was configured", () => {
    expect(dockerHostIn(state({ resources: [docker, kit({ dockerHost: "ssh://me@far" })] }))).toBe(
      "ssh://me@far",
    );
  });

  it.each([
    ["a stack that was never deployed", {}],
    ["a stack whose docker provider took DOCKER_HOST of the caller", { resources: [docker, kit({})] }],
  ])("is unset in %s", (_what, deployment) => {
    expect(dockerHostIn(state(deployment))).toBeUndefined();
  });
});

it("takes the superuser's login from the state's provider", () => {
  expect(administrationIn(interrupted)).toEqual({
    host: "127.0.0.1",
    port: 5433,
    username: "postgres",
    database: "postgres",
    password: "secret",
  });
});

it("adopts what was made, forgets what was not, keeps everything else", () => {
  expect(withCreatesSettled(interrupted, new Map([[container.urn, "0123"]]))).toEqual({
    version: 3,
    deployment: {
      resources: [stack, provider, { ...container, id: "0123", outputs: container.inputs }],
      pending_operations: [{ type: "deleting", resource: provider }],
    },
  });
});

it("lets what was made refer to nothing that a destroy has removed since", () => {
  const { urn } = provider;
  const made = {
    ...container,
    deletedWith: "gone",
    dependencies: [urn, "gone"],
    propertyDependencies: { name: ["gone"], image: [urn], network: null },
  };
  const destroyed = state({
    resources: [provider],
    pending_operations: [{ type: "creating", resource: made }],
  });
  const [, adopted] = withCreatesSettled(destroyed, new Map([[made.urn, "0123"]])).deployment.resources ?? [];
  expect(JSON.parse(JSON.stringify(adopted))).toEqual({
    ...{ urn: made.urn, type: made.type, inputs: made.inputs, id: "0123", outputs: made.inputs },
    dependencies: [urn],
    propertyDependencies: { name: [], image: [urn], network: null },
  });
});

describe("a replacement that was cut", () => {
  const former = { ...container, id: "former", pendingReplacement: true };
  const dependent = { urn: "health", type: "poolkit:index:HealthGate", id: "h" };
  const cut = state({
    resources: [stack, provider, former, dependent],
    pending_operations: [{ type: "creating", resource: container }],
  });
  const resourcesWith = (made: Map<string, string>) => withCreatesSettled(cut, made).deployment.resources;

  it("puts what was made into the place of what it replaces, before what depends on it", () => {
    const adopted = { ...container, id: "0123", outputs: container.inputs };
    expect(resourcesWith(new Map([[container.urn, "0123"]]))).toEqual([stack, provider, adopted, dependent]);
  });

  it("leaves the former one to be replaced when nothing was made", () => {
    expect(resourcesWith(new Map())).toEqual([stack, provider, former, dependent]);
  });
});
