import { type handleUnaryCall, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import type { Naming } from "./check.ts";
import { checkConfig, diffConfig } from "./check-config.ts";
import type { Engine } from "./engine.ts";
import type { Provider } from "./provider.ts";
import { serviceError } from "./service-error.ts";
import type { Properties } from "./value.ts";
import { pluginVersion } from "./version.ts";

/** The protocol's service: each method takes the message apart, asks the provider and builds the answer. */
export function service(operations: Provider, engine: Engine): UntypedServiceImplementation {
  return {
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(pluginVersion())),
    // The official plugin does not take part in the handshake either; the engine then asks Configure alone.
    handshake: notImplemented("Handshake"),
    getSchema: notImplemented("GetSchema"),
    parameterize: notImplemented("Parameterize"),
    getMapping: notImplemented("GetMapping"),
    getMappings: notImplemented("GetMappings"),
    construct: notImplemented("Construct"),
    call: notImplemented("Call"),
    attach: notImplemented("Attach"),
    invoke: unary(async (request: InstanceType<typeof provider.InvokeRequest>) => {
      const { result, failures } = await operations.invoke(request.getTok(), properties(request.getArgs()));
      const answer = new provider.InvokeResponse();
      if (result) answer.setReturn(message(result));
      return answer.setFailuresList(failures.map((reason) => new provider.CheckFailure().setReason(reason)));
    }),
    cancel: unary(() => new empty.Empty()),

    checkConfig: unary(async (request: CheckRequest) => {
      const checked = checkConfig(properties(request.getNews()));
      await engine.warn(checked.warnings);
      const answer = new provider.CheckResponse();
      if (checked.failures.length === 0) answer.setInputs(message(checked.inputs));
      return withFailures(answer, checked.failures);
    }),

    diffConfig: unary((request: DiffRequest) => {
      const difference = diffConfig(
        properties(request.getOldInputs()),
        properties(request.getNews()),
        request.getIgnorechangesList(),
      );
      return diffAnswer(Object.entries(difference), { inputDiff: true });
    }),

    configure: unary((request: InstanceType<typeof provider.ConfigureRequest>) => {
      operations.configure(properties(request.getArgs()), process.env);
      const answer = new provider.ConfigureResponse();
      answer.setSupportspreview(true);
      answer.setSupportsAutonamingConfiguration(true);
      return answer;
    }),

    check: unary(async (request: CheckRequest) => {
      const target = { urn: request.getUrn(), type: request.getType() };
      const olds = properties(request.getOlds());
      const checked = operations.check(target, olds, properties(request.getNews()), naming(request));
      await engine.warn(checked.warnings, target.urn);
      if (checked.error) throw new Error(checked.error);
      return withFailures(new provider.CheckResponse().setInputs(message(checked.inputs)), checked.failures);
    }),

    diff: unary((request: DiffRequest) => {
      const target = { urn: request.getUrn(), type: request.getType() };
      const ignored = request.getIgnorechangesList();
      const { difference, deleteBeforeReplace } = operations.diff(
        target,
        properties(request.getOlds()),
        properties(request.getNews()),
        ignored,
      );
      const kinds = Object.entries(difference.details).map(
        ([path, { kind, replace }]): [string, KindName] => [path, replace ? `${kind}_REPLACE` : kind],
      );
      const answer = diffAnswer(kinds, { inputDiff: false, changed: difference.changed });
      answer.setHasdetaileddiff(true);
      answer.setReplacesList(difference.replaces);
      answer.setStablesList(difference.stables);
      answer.setDeletebeforereplace(deleteBeforeReplace);
      return answer;
    }),

    create: unary(async (request: InstanceType<typeof provider.CreateRequest>) => {
      const target = { urn: request.getUrn(), type: request.getType() };
      const made = await operations.create(target, properties(request.getProperties()), request.getPreview());
      return new provider.CreateResponse().setId(made.id).setProperties(message(made.properties));
    }),

    read: unary(async (request: InstanceType<typeof provider.ReadRequest>) => {
      const target = { urn: request.getUrn(), type: request.getType() };
      const [state, inputs] = [properties(request.getProperties()), properties(request.getInputs())];
      const found = await operations.read(target, request.getId(), state, inputs);
      const answer = new provider.ReadResponse();
      if (!found) return answer;
      return answer.setId(found.id).setProperties(message(found.properties)).setInputs(message(found.inputs));
    }),

    update: unary(async (request: InstanceType<typeof provider.UpdateRequest>) => {
      const target = { urn: request.getUrn(), type: request.getType() };
      const state = await operations.update(
        target,
        request.getId(),
        properties(request.getOlds()),
        properties(request.getNews()),
        request.getIgnorechangesList(),
        request.getPreview(),
      );
      return new provider.UpdateResponse().setProperties(message(state));
    }),

    delete: unary(async (request: InstanceType<typeof provider.DeleteRequest>) => {
      const target = { urn: request.getUrn(), type: request.getType() };
      await operations.remove(target, request.getId(), properties(request.getProperties()));
      return new empty.Empty();
    }),
  };
}

type CheckRequest = InstanceType<typeof provider.CheckRequest>;
type DiffRequest = InstanceType<typeof provider.DiffRequest>;
type KindName = "ADD" | "DELETE" | "UPDATE" | "ADD_REPLACE" | "DELETE_REPLACE" | "UPDATE_REPLACE";

function unary<Request, Response>(
  handle: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(serviceError(error)),
      );
  };
}

function notImplemented(method: string): handleUnaryCall<unknown, unknown> {
  return (_call, callback) => {
    callback(serviceError(new Error(`method ${method} not implemented`), status.UNIMPLEMENTED));
  };
}

function properties(value: InstanceType<typeof struct.Struct> | undefined): Properties {
  return (value?.toJavaScript() ?? {}) as Properties;
}

function message(value: Properties): InstanceType<typeof struct.Struct> {
  return struct.Struct.fromJavaScript(value);
}

function withFailures(answer: InstanceType<typeof provider.CheckResponse>, failures: readonly string[]) {
  answer.setFailuresList(failures.map((reason) => new provider.CheckFailure().setReason(reason)));
  return answer;
}

function naming(request: CheckRequest): Naming {
  const { Mode } = provider.CheckRequest.AutonamingOptions;
  const options = request.getAutonaming();
  const proposed = options && options.getMode() !== Mode.DISABLE ? options.getProposedName() : "";
  return {
    resourceName: request.getName() || (request.getUrn().split("::").at(-1) ?? ""),
    randomSeed: request.getRandomseed_asU8(),
    ...(proposed ? { proposed } : {}),
    disabled: options?.getMode() === Mode.DISABLE,
  };
}

function diffAnswer(kinds: Array<[string, KindName]>, options: { inputDiff: boolean; changed?: string[] }) {
  const { DiffChanges } = provider.DiffResponse;
  const answer = new provider.DiffResponse();
  answer.setDiffsList(options.changed ?? kinds.map(([path]) => path));
  for (const [path, kind] of kinds) {
    const detail = new provider.PropertyDiff();
    detail.setKind(provider.PropertyDiff.Kind[kind]);
    detail.setInputdiff(options.inputDiff);
    answer.getDetaileddiffMap().set(path, detail);
  }
  const none = options.inputDiff ? DiffChanges.DIFF_UNKNOWN : DiffChanges.DIFF_NONE;
  answer.setChanges(kinds.length > 0 ? DiffChanges.DIFF_SOME : none);
  return answer;
}
