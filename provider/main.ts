import { readFileSync } from "node:fs";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { connectDocker } from "./engine/docker.ts";
import { Contexts } from "./model/context.ts";
import { object, optional, text } from "./model/shape.ts";
import { EngineLog } from "./protocol/engine-log.ts";
import { lifecycleMethods } from "./protocol/lifecycle.ts";
import { operationMethods } from "./protocol/operations.ts";
import type { Plugin } from "./protocol/plugin.ts";
import { RunningCalls } from "./protocol/running-calls.ts";
import { functions, resources } from "./registry.ts";

const settings = object({ dockerHost: optional(text()), version: optional(text()) });
const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));
const engineLog = new EngineLog();
let dockerHost: string | undefined;
const contexts = new Contexts(engineLog, () => connectDocker(dockerHost));
const calls = new RunningCalls();

const plugin: Plugin = {
  version: manifest.version,
  resources,
  functions,
  configure(args) {
    dockerHost = typeof args.dockerHost === "string" ? args.dockerHost : undefined;
    return settings.problems(args, []);
  },
  context: (urn, timeoutSeconds) => contexts.of(urn, timeoutSeconds),
  connectEngine: (address) => engineLog.connect(address),
  track: (call) => calls.track(call),
  cancel: () => contexts.cancel(),
};

const [engineAddress] = process.argv.slice(2);
if (engineAddress !== undefined) engineLog.connect(engineAddress);

/** How long a call may go on without its engine: enough to take away what it has put up for itself. */
const orphanMs = 10_000;

// The engine ends its plugins, unless it was killed: then this process would wait, and perhaps work on, for ever. A
// call in its middle comes to its end first: a helper container that is left would keep its volume from being removed.
const engineProcess = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === engineProcess) return;
  clearInterval(watch);
  contexts.cancel();
  void calls.ended(orphanMs).then(() => process.exit(1));
}, 1000).unref();

// State of a large stack and its secrets travel in one message.
const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
server.addService(providerGrpc.ResourceProviderService, {
  ...lifecycleMethods(plugin),
  ...operationMethods(plugin),
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine reads the port from the first line.
  process.stdout.write(`${port}\n`);
});
