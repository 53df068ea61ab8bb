import type plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { field, type Json, type JsonObject, text, texts } from "./json.ts";

/** The type and name of requests that have none: those about the provider itself. */
const PROVIDER = { type: "pulumi:providers:postgresql", name: "default" };

type Message<Type extends abstract new (...args: never) => unknown> = InstanceType<Type>;

function target(request: JsonObject): { urn: string; type: string; name: string } {
  const type = text(request, "type") || PROVIDER.type;
  const name = text(request, "name") || PROVIDER.name;
  return { urn: `urn:pulumi:golden::golden::${type}::${name}`, type, name };
}

function properties(request: JsonObject, name: string): Message<typeof struct.Struct> | undefined {
  const value = field(request, name);
  return value && struct.Struct.fromJavaScript(value);
}

/** The requests of the protocol from their recorded form. */
export const requests = {
  check(request: JsonObject) {
    const { urn, type, name } = target(request);
    const message = new provider.CheckRequest().setUrn(urn).setType(type).setName(name);
    message.setOlds(properties(request, "olds")).setNews(properties(request, "news"));
    message.setRandomseed(Buffer.from(text(request, "randomSeed"), "hex"));
    const autonaming = field(request, "autonaming");
    if (!autonaming) return message;
    const { AutonamingOptions } = provider.CheckRequest;
    const options = new AutonamingOptions().setProposedName(text(autonaming, "proposedName"));
    const { PROPOSE, ENFORCE, DISABLE } = AutonamingOptions.Mode;
    const mode = { PROPOSE, ENFORCE, DISABLE }[text(autonaming, "mode")];
    return message.setAutonaming(options.setMode(mode ?? PROPOSE));
  },
  diff(request: JsonObject) {
    const { urn, type, name } = target(request);
    return new provider.DiffRequest()
      .setUrn(urn)
      .setType(type)
      .setName(name)
      .setId(text(request, "id"))
      .setOlds(properties(request, "olds"))
      .setOldInputs(properties(request, "oldInputs"))
      .setNews(properties(request, "news"))
      .setIgnorechangesList(texts(request, "ignoreChanges"));
  },
  create(request: JsonObject) {
    const { urn, type, name } = target(request);
    const message = new provider.CreateRequest().setUrn(urn).setType(type).setName(name);
    return message.setProperties(properties(request, "properties")).setPreview(request.preview === true);
  },
  read(request: JsonObject) {
    const { urn, type, name } = target(request);
    const message = new provider.ReadRequest().setUrn(urn).setType(type).setName(name);
    message.setId(text(request, "id")).setInputs(properties(request, "inputs"));
    return message.setProperties(properties(request, "properties"));
  },
  update(request: JsonObject) {
    const { urn, type, name } = target(request);
    return new provider.UpdateRequest()
      .setUrn(urn)
      .setType(type)
      .setName(name)
      .setId(text(request, "id"))
      .setOlds(properties(request, "olds"))
      .setOldInputs(properties(request, "oldInputs"))
      .setNews(properties(request, "news"))
      .setIgnorechangesList(texts(request, "ignoreChanges"))
      .setPreview(request.preview === true);
  },
  delete(request: JsonObject) {
    const { urn, type, name } = target(request);
    const message = new provider.DeleteRequest().setUrn(urn).setType(type).setName(name);
    message.setId(text(request, "id")).setOldInputs(properties(request, "oldInputs"));
    return message.setProperties(properties(request, "properties"));
  },
  invoke(request: JsonObject) {
    return new provider.InvokeRequest().setTok(text(request, "tok")).setArgs(properties(request, "args"));
  },
  configure(request: JsonObject) {
    const message = new provider.ConfigureRequest().setArgs(properties(request, "args"));
    return message
      .setAcceptsecrets(true)
      .setAcceptresources(true)
      .setSendsOldInputs(true)
      .setSendsOldInputsToDelete(true);
  },
};

/** The answers of the protocol in their recorded form. */
export const answers = {
  pluginInfo: (m: Message<typeof plugin.PluginInfo>): Json => ({ version: m.getVersion() }),
  check: (m: Message<typeof provider.CheckResponse>): Json => ({
    inputs: plain(m.getInputs()),
    failures: failures(m.getFailuresList()),
  }),
  diff: (m: Message<typeof provider.DiffResponse>): Json => ({
    changes: nameOf(provider.DiffResponse.DiffChanges, m.getChanges()),
    // These lists have no particular order in the protocol.
    diffs: m.getDiffsList().sort(),
    replaces: m.getReplacesList().sort(),
    stables: m.getStablesList().sort(),
    deleteBeforeReplace: m.getDeletebeforereplace(),
    hasDetailedDiff: m.getHasdetaileddiff(),
    detailedDiff: detailedDiff(m),
  }),
  create: (m: Message<typeof provider.CreateResponse>): Json => ({
    id: m.getId(),
    properties: plain(m.getProperties()),
  }),
  read: (m: Message<typeof provider.ReadResponse>): Json => ({
    id: m.getId(),
    inputs: plain(m.getInputs()),
    properties: plain(m.getProperties()),
  }),
  update: (m: Message<typeof provider.UpdateResponse>): Json => ({ properties: plain(m.getProperties()) }),
  configure: (m: Message<typeof provider.ConfigureResponse>): Json => ({
    acceptSecrets: m.getAcceptsecrets(),
    acceptResources: m.getAcceptresources(),
    acceptOutputs: m.getAcceptoutputs(),
    supportsPreview: m.getSupportspreview(),
    supportsAutonamingConfiguration: m.getSupportsAutonamingConfiguration(),
  }),
  invoke: (m: Message<typeof provider.InvokeResponse>): Json => ({
    return: plain(m.getReturn()),
    failures: failures(m.getFailuresList()),
  }),
};

function plain(value: Message<typeof struct.Struct> | undefined): Json {
  return value?.toJavaScript() ?? null;
}

/** Failures have no particular order in the protocol. */
function failures(list: Array<Message<typeof provider.CheckFailure>>): Json {
  return list
    .map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() }))
    .sort((a, b) => (a.reason < b.reason ? -1 : 1));
}

function detailedDiff(answer: Message<typeof provider.DiffResponse>): Json {
  const details: JsonObject = {};
  answer.getDetaileddiffMap().forEach((detail, path) => {
    details[path] = {
      kind: nameOf(provider.PropertyDiff.Kind, detail.getKind()),
      inputDiff: detail.getInputdiff(),
    };
  });
  return details;
}

/** The name of an enumeration's member. */
export function nameOf(enumeration: object, member: number): Json {
  return Object.entries(enumeration).find(([, value]) => value === member)?.[0] ?? member;
}
