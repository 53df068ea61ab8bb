import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as providers from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as messages from "@pulumi/pulumi/proto/provider_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Registered, registeredResources } from "../support/program.ts";

/**
 * The docker plugin that set-up installed (official, or the bridge of toolchain/plugins/docker) takes every property
 * that the program uses: its own check knows the provider's schema and refuses a name that is not in it.
 */
const npmPackage = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../node_modules/@pulumi/docker/package.json"), "utf8"),
);
const folder = join(process.env.PULUMI_HOME ?? "", "plugins", `resource-docker-v${npmPackage.version}`);
const plugin = join(folder, "pulumi-resource-docker");

let server: ChildProcess;
let client: providers.ResourceProviderClient;
let dockerResources: Registered[];

describe.skipIf(!existsSync(plugin))("the installed docker plugin", () => {
  beforeAll(async () => {
    const config = { "poolkit:preset": "prod", "poolkit:secretSeed": "s".repeat(40) };
    dockerResources = (await registeredResources(config)).filter(({ type }) => type.startsWith("docker:"));
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
