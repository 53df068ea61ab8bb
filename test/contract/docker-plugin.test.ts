import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as providers from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as messages from "@pulumi/pulumi/proto/provider_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Inputs, officialInputs, type Property, usedProperties } from "../support/package-schema.ts";
import { type Registered, registeredForms } from "../support/program.ts";

const npmPackage = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../node_modules/@pulumi/docker/package.json"), "utf8"),
);
const home = process.env.PULUMI_HOME ?? "";
const folder = join(home, "plugins", `resource-docker-v${npmPackage.version}`);
const plugin = join(folder, "pulumi-resource-docker");

/** Whether set-up placed toolchain/plugins/docker here, where the official plugin was out of reach. */
function isFallback(): boolean {
  const stamp = join(home, "../toolchain.json");
  if (!existsSync(plugin) || !existsSync(stamp)) return false;
  return JSON.parse(readFileSync(stamp, "utf8")).toolchain?.plugins?.docker?.source === "registry";
}

let server: ChildProcess;
let client: providers.ResourceProviderClient;
let dockerResources: Registered[];

beforeAll(async () => {
  dockerResources = (await registeredForms()).filter(({ type }) => type.startsWith("docker:"));
});

/**
 * The docker plugin that set-up installed (official, or the bridge of toolchain/plugins/docker) takes every property
 * that the program uses: its own check knows the provider's schema and refuses a name that is not in it.
 */
describe.skipIf(!existsSync(plugin))("the installed docker plugin", () => {
  beforeAll(async () => {
    server = spawn(plugin, ["127.0.0.1:1"], { stdio: ["ignore", "pipe", "ignore"] });
    const port = await new Promise<string>((resolve, reject) => {
      server.on("exit", (code) => reject(new Error(`the plugin exited ${code}`)));
      server.stdout?.once("data", (line: Buffer) => resolve(line.toString().trim()));
    });
    client = new providers.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  });

  afterAll(() => {
    client?.close();
    server?.kill();
  });

  /** Reasons for which the plugin refuses the inputs. */
  function refusals({ type, name, inputs }: Registered): Promise<string[]> {
    const request = new messages.CheckRequest();
    request.setUrn(`urn:pulumi:dev::poolkit::${type}::${name}`);
    request.setNews(structs.Struct.fromJavaScript(JSON.parse(JSON.stringify(inputs))));
    request.setOlds(structs.Struct.fromJavaScript({}));
    return new Promise((resolve, reject) => {
      client.check(request, (error: grpc.ServiceError | null, response: messages.CheckResponse) =>
        error === null
          ? resolve(response.getFailuresList().map((failure) => failure.getReason()))
          : reject(error),
      );
    });
  }

  it("takes every docker resource of the program", async () => {
    expect(dockerResources.length).toBeGreaterThan(10);
    for (const resource of dockerResources) expect(await refusals(resource), resource.name).toEqual([]);
  });

  it("would refuse a name that it does not have", async () => {
    const [container] = dockerResources.filter(({ type }) => type.endsWith(":Container"));
    const inputs = { ...container?.inputs, memorySwapp: 1 };
    expect(await refusals({ type: container?.type ?? "", name: "x", inputs })).not.toEqual([]);
  });
});

/** The fallback plugin gives every property that the program uses the type and the replacement rule of the official one. */
describe.skipIf(!isFallback())("the fallback docker plugin", () => {
  /** Property by property as text, so that a difference shows itself. */
  function described(inputs: Inputs): string[] {
    const lines = dockerResources.flatMap((resource) =>
      usedProperties(inputs, resource).map(
        ({ path, property }) => `${resource.type} ${path}: ${text(property, isTopLevel(path))}`,
      ),
    );
    return [...new Set(lines)].sort();
  }

  it("describes what the program uses as the official plugin does", () => {
    const output = execFileSync(plugin, ["-describe"], { encoding: "utf8", maxBuffer: 1 << 26 });
    const ours: Inputs = new Map(Object.entries(JSON.parse(output)));
    const official = described(officialInputs("docker"));
    expect(official.length).toBeGreaterThan(50);
    expect(official.filter((line) => line.endsWith("unknown"))).toEqual([]);
    expect(described(ours)).toEqual(official);
  });
});

function isTopLevel(path: string): boolean {
  return !/[.[]/.test(path);
}

/** Rules of replacement are compared where a change is: the engine sees that of the whole property. */
function text(property: Property | undefined, withRule: boolean): string {
  if (property === undefined) return "unknown";
  const { type, items, replaces } = property;
  const rule = withRule && replaces === true ? ", replaces" : "";
  return `${items === undefined ? type : `${type} of ${text(items, false)}`}${rule}`;
}
