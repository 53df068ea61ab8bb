import { Server, ServerCredentials } from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { Engine } from "./engine.ts";
import { Provider } from "./provider.ts";
import { service } from "./service.ts";

/** How often to look whether the engine is still there. */
const ENGINE_CHECK_MS = 1000;
/** Messages have no limit of their own: states can be large. */
const UNLIMITED = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

// The engine passes its own address as the last argument and reads our port from the first line of the output.
const engine = new Engine(process.argv.slice(2).findLast((argument) => !argument.startsWith("-")));
const server = new Server(UNLIMITED);
server.addService(services.ResourceProviderService, service(new Provider(), engine));
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

// An engine that was killed cannot end its plugins.
const engineProcess = process.ppid;
setInterval(() => {
  if (process.ppid !== engineProcess) process.exit(0);
}, ENGINE_CHECK_MS).unref();
