import { beforeAll, describe, expect, it } from "vitest";
import { officialInputs, secretMarker, usedProperties } from "../support/package-schema.ts";
import { type Registered, registeredForm, registeredForms } from "../support/program.ts";

const plugins = { docker: officialInputs("docker"), postgresql: officialInputs("postgresql") };

let registered: Registered[];

beforeAll(async () => {
  registered = await registeredForms();
});

/** Paths of properties that the official plugin's schema does not know. */
function unknownPaths(resource: Registered): string[] {
  const plugin = Object.entries(plugins).find(([name]) => packageOf(resource) === name)?.[1];
  if (plugin === undefined) return [];
  if (!plugin.has(resource.type)) return [`${resource.type} (no such resource)`];
  return usedProperties(plugin, resource).flatMap(({ path, property }) =>
    property === undefined ? [path] : [],
  );
}

function packageOf({ type }: Registered): string | undefined {
  const [first, , name] = type.split(":");
  return type.startsWith("pulumi:providers:") ? name : first;
}

describe("the program", () => {
  it("registers the resources that a stack is made of", async () => {
    const counts = Map.groupBy(await registeredForm("reference"), ({ type }) => type);
    expect(Object.fromEntries([...counts].map(([type, found]) => [type, found.length]))).toMatchObject({
      "docker:index/container:Container": 3,
      "docker:index/network:Network": 1,
      "docker:index/remoteImage:RemoteImage": 3,
      "docker:index/volume:Volume": 4,
      "postgresql:index/role:Role": 3,
      "postgresql:index/database:Database": 1,
      "postgresql:index/schema:Schema": 1,
      "poolkit:index:ChangeCount": 1,
      "poolkit:index:HealthGate": 1,
      "poolkit:index:PostgresGate": 1,
      "poolkit:index:Migrations": 1,
    });
  });

  it("uses only properties that the official plugins have", () => {
    const unknown = registered.flatMap((resource) =>
      unknownPaths(resource).map((path) => `${resource.name}: ${path}`),
    );
    expect(unknown).toEqual([]);
  });

  it("would notice a property that they do not have", () => {
    const container = registered.find(({ type }) => type === "docker:index/container:Container");
    const inputs = {
      ...container?.inputs,
      restartt: "always",
      ports: [{ internal: 1, hostIp: "127.0.0.1" }],
    };
    expect(unknownPaths({ type: "docker:index/container:Container", name: "x", inputs })).toEqual([
      "ports[].hostIp",
      "restartt",
    ]);
  });

  it("marks every property that holds a secret", () => {
    const secretInputs = registered.flatMap(({ name, inputs }) =>
      Object.entries(inputs)
        .filter(([, value]) => JSON.stringify(value)?.includes(secretMarker))
        .map(([key]) => `${name}.${key}`),
    );
    expect(secretInputs).toEqual(
      expect.arrayContaining([
        "database-app.password",
        "database-config.superuserVerifier",
        "pooler-config.userlist",
        "app-config.files",
        "app-health.token",
      ]),
    );
  });
});
