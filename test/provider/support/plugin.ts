import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type enginePb from "@pulumi/pulumi/proto/engine_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import structPb, { type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";

/** Plain properties; secrets are made by `secret()`. */
export type Properties = { [key: string]: JavaScriptValue };

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** A value as the engine sends secrets to a plugin that accepts them. */
export function secret(value: JavaScriptValue): JavaScriptValue {
  return { [signatureKey]: secretSignature, value };
}

/** What the engine sends for a value that only the real run will know. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The properties with every secret replaced by `[secret]`: what an unencrypted state or an output would show. */
export function visible(value: JavaScriptValue): JavaScriptValue {
  if (Array.isArray(value)) return value.map(visible);
  if (typeof value !== "object" || value === null) return value;
  if (signatureKey in value) return "[secret]";
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, visible(child)]));
}

/** The properties with the marks of secrets taken off. */
export function revealed(value: JavaScriptValue): JavaScriptValue {
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== "object" || value === null) return value;
  if (signatureKey in value && "value" in value) return revealed(value.value ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, revealed(child)]));
}

/** What Pulumi keeps of a resource whose operation failed; undefined when the failure says that there is none. */
export function keptAfter(
  error: unknown,
): { state: Properties; inputs: Properties; reasons: string[] } | undefined {
  const metadata = error instanceof Error && "metadata" in error ? error.metadata : undefined;
  const raw = metadata instanceof grpc.Metadata ? metadata.get("grpc-status-details-bin")[0] : undefined;
  if (!(raw instanceof Uint8Array)) return undefined;
  const [detail] = statusPb.Status.deserializeBinary(raw).getDetailsList();
  if (detail === undefined) return undefined;
  const failed = pb.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
  const [state, inputs] = [map(failed.getProperties()), map(failed.getInputs())];
  return { state, inputs, reasons: failed.getReasonsList() };
}

/** A difference by property path, e.g. `{ "settings.verbose": "UPDATE" }`. */
export type Differences = Record<string, string>;

/** The plugin as a process of its own, spoken to over gRPC as the engine does. */
export interface TestPlugin {
  check(type: string, news: Properties): Promise<{ inputs: Properties; failures: Record<string, string> }>;
  diff(type: string, state: Properties, oldInputs: Properties, news: Properties): Promise<Differences>;
  create(type: string, inputs: Properties, preview?: boolean): Promise<{ id: string; state: Properties }>;
  read(
    type: string,
    id: string,
    state: Properties,
    inputs: Properties,
  ): Promise<{ id: string; state: Properties; inputs: Properties }>;
  update(
    type: string,
    id: string,
    state: Properties,
    oldInputs: Properties,
    news: Properties,
    preview?: boolean,
  ): Promise<Properties>;
  delete(type: string, id: string, state: Properties, inputs: Properties): Promise<void>;
  invoke(name: string, args: Properties): Promise<Properties>;
  cancel(): Promise<void>;
  /** Ends the process that the plugin was started by, as a kill of the engine does. Needs `ofAShell`. */
  killParent(): void;
  /** Ends the plugin as a kill does, in the middle of whatever it does. Not with `ofAShell`. */
  kill(): void;
  /** Resolves when the plugin's process is gone. */
  readonly ended: Promise<void>;
  /** Messages that the plugin has sent to the engine's log. */
  readonly messages: string[];
  stop(): Promise<void>;
}

type Answer<R> = (error: grpc.ServiceError | null, response: R) => void;

/**
 * Starts the plugin beside an engine that only listens to its log.
 * @param variables of its environment, besides those of the test
 * @param options.ofAShell started by a process of its own, which can be killed
 */
export async function startPlugin(
  variables: NodeJS.ProcessEnv = {},
  options: { readonly ofAShell?: boolean } = {},
): Promise<TestPlugin> {
  const messages: string[] = [];
  const engine = await startEngine(messages);
  const entry = join(import.meta.dirname, "../../../provider/pulumi-resource-poolkit");
  const shell = options.ofAShell === true ? ["sh", "-c", '"$0" "$@" & wait'] : [];
  const [command = "", ...args] = [...shell, process.execPath, entry, `127.0.0.1:${engine.port}`];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...variables },
  });
  // Its output is closed when nobody holds it any more: a shell's end does not count.
  const ended = once(child, "close").then(() => undefined);
  const [port] = await once(createInterface(child.stdout), "line");
  const client = new providerGrpc.ResourceProviderClient(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
  );
  const call = <R>(send: (answer: Answer<R>) => unknown): Promise<R> =>
    new Promise((done, failed) => send((error, response) => (error ? failed(error) : done(response))));
  const configure = new pb.ConfigureRequest()
    .setAcceptsecrets(true)
    .setArgs(structPb.Struct.fromJavaScript({}));
  await call<pb.ConfigureResponse>((answer) => client.configure(configure, answer));

  return {
    messages,
    async check(type, news) {
      const request = new pb.CheckRequest().setUrn(urn(type)).setNews(struct(news));
      const response = await call<pb.CheckResponse>((answer) => client.check(request, answer));
      const failures = response.getFailuresList().map((one) => [one.getProperty(), one.getReason()]);
      return { inputs: map(response.getInputs()), failures: Object.fromEntries(failures) };
    },
    async diff(type, state, oldInputs, news) {
      const request = new pb.DiffRequest().setUrn(urn(type)).setOlds(struct(state));
      request.setOldInputs(struct(oldInputs)).setNews(struct(news));
      const response = await call<pb.DiffResponse>((answer) => client.diff(request, answer));
      const names = Object.keys(pb.PropertyDiff.Kind);
      return Object.fromEntries(
        [...response.getDetaileddiffMap().entries()].map(([path, change]) => [
          path,
          names[change.getKind()] ?? "",
        ]),
      );
    },
    async create(type, inputs, preview = false) {
      const request = new pb.CreateRequest()
        .setUrn(urn(type))
        .setProperties(struct(inputs))
        .setPreview(preview);
      const response = await call<pb.CreateResponse>((answer) => client.create(request, answer));
      return { id: response.getId(), state: map(response.getProperties()) };
    },
    async read(type, id, state, inputs) {
      const request = new pb.ReadRequest().setUrn(urn(type)).setId(id);
      request.setProperties(struct(state)).setInputs(struct(inputs));
      const response = await call<pb.ReadResponse>((answer) => client.read(request, answer));
      return {
        id: response.getId(),
        state: map(response.getProperties()),
        inputs: map(response.getInputs()),
      };
    },
    async update(type, id, state, oldInputs, news, preview = false) {
      const request = new pb.UpdateRequest().setUrn(urn(type)).setId(id).setOlds(struct(state));
      request.setOldInputs(struct(oldInputs)).setNews(struct(news)).setPreview(preview);
      const response = await call<pb.UpdateResponse>((answer) => client.update(request, answer));
      return map(response.getProperties());
    },
    async delete(type, id, state, inputs) {
      const request = new pb.DeleteRequest().setUrn(urn(type)).setId(id);
      request.setProperties(struct(state)).setOldInputs(struct(inputs));
      await call((answer) => client.delete(request, answer));
    },
    async invoke(name, args) {
      const request = new pb.InvokeRequest().setTok(`poolkit:index:${name}`).setArgs(struct(args));
      const response = await call<pb.InvokeResponse>((answer) => client.invoke(request, answer));
      return map(response.getReturn());
    },
    async cancel() {
      await call((answer) => client.cancel(new emptyPb.Empty(), answer));
    },
    killParent: () => void child.kill("SIGKILL"),
    kill: () => void child.kill("SIGKILL"),
    ended,
    async stop() {
      client.close();
      child.kill();
      await ended;
      engine.server.forceShutdown();
    },
  };
}

async function startEngine(messages: string[]): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server();
  const log: grpc.handleUnaryCall<enginePb.LogRequest, InstanceType<typeof emptyPb.Empty>> = (
    { request },
    answer,
  ) => {
    messages.push(request.getMessage());
    answer(null, new emptyPb.Empty());
  };
  server.addService(engineGrpc.EngineService, { log });
  const port = await new Promise<number>((done, failed) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? failed(error) : done(bound)));
  });
  return { server, port };
}

function urn(type: string): string {
  return `urn:pulumi:test::poolkit::poolkit:index:${type}::it`;
}

function struct(properties: Properties) {
  return structPb.Struct.fromJavaScript(properties);
}

function map(properties: InstanceType<typeof structPb.Struct> | undefined): Properties {
  return properties?.toJavaScript() ?? {};
}
