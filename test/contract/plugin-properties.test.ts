import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Registered, registeredResources } from "../support/program.ts";

interface Property {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: Property;
  readonly additionalProperties?: Property;
}

interface Schema {
  readonly provider: { readonly inputProperties: Record<string, Property> };
  readonly resources: Record<string, { readonly inputProperties: Record<string, Property> }>;
  readonly types: Record<string, { readonly properties: Record<string, Property> }>;
}

const official = (name: string): Schema =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../data/pulumi-${name}.schema.json`), "utf8"));
const schemas: Record<string, Schema> = { docker: official("docker"), postgresql: official("postgresql") };

let registered: Registered[];

beforeAll(async () => {
  registered = await registeredResources({ "poolkit:preset": "prod", "poolkit:secretSeed": "s".repeat(40) });
});

/** Key by which the engine's protocol marks a wrapped value; this one means a secret. */
const secretMarker = "4dabf18193072939515e22adb298388d";

/** Paths of properties that the official plugin's schema does not know. */
function unknownPaths(resource: Registered): string[] {
  const [pkg = "", , shortName] = resource.type.split(":");
  const isProvider = resource.type.startsWith("pulumi:providers:");
  const schema = schemas[isProvider ? (shortName ?? "") : pkg];
  if (schema === undefined) return [];
  const properties = isProvider
    ? schema.provider.inputProperties
    : schema.resources[resource.type]?.inputProperties;
  if (properties === undefined) return [`${resource.type} (no such resource)`];
  return Object.entries(resource.inputs).flatMap(([key, value]) => walk(schema, properties[key], value, key));
}

function walk(schema: Schema, property: Property | undefined, value: unknown, path: string): string[] {
  if (property === undefined) return [path];
  if (Array.isArray(value))
    return value.flatMap((item, index) => walk(schema, property.items, item, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  if (secretMarker in value) return walk(schema, property, "value" in value ? value.value : undefined, path);
  if (property.additionalProperties !== undefined) return [];
  const type = schema.types[property.$ref?.replace("#/types/", "") ?? ""];
  return Object.entries(value).flatMap(([key, item]) =>
    walk(schema, type?.properties[key], item, `${path}.${key}`),
  );
}

describe("the program", () => {
  it("registers the resources that a stack is made of", () => {
    const counts = Map.groupBy(registered, ({ type }) => type);
    expect(Object.fromEntries([...counts].map(([type, found]) => [type, found.length]))).toMatchObject({
      "docker:index/container:Container": 3,
      "docker:index/network:Network": 1,
      "docker:index/remoteImage:RemoteImage": 3,
      "docker:index/volume:Volume": 4,
      "postgresql:index/role:Role": 3,
      "postgresql:index/database:Database": 1,
      "postgresql:index/schema:Schema": 1,
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
      "ports[0].hostIp",
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
