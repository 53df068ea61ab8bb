import { createServer, type Server as TcpServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import engineServices from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";

/** An address of the loopback interface that the server under test does not use. */
export const LOCAL = "127.0.0.2";

/** The engine as far as a plugin sees it: it takes log messages. */
export interface Engine {
  address: string;
  /** The warnings since the last call. */
  takeWarnings(): string[];
  stop(): void;
}

/** Starts an engine that collects warnings. */
export async function startEngine(): Promise<Engine> {
  let warnings: string[] = [];
  const server = new Server();
  server.addService(engineServices.EngineService, {
    log(
      call: { request: InstanceType<typeof engine.LogRequest> },
      reply: (error: null, answer: unknown) => void,
    ) {
      const { request } = call;
      if (request.getSeverity() === engine.LogSeverity.WARNING) warnings.push(request.getMessage());
      reply(null, new empty.Empty());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    takeWarnings: () => {
      const taken = warnings.sort();
      warnings = [];
      return taken;
    },
    stop: () => server.forceShutdown(),
  };
}

/** Two ports: one where nothing listens, one where the listener never answers. */
export interface Ports {
  closedPort: string;
  silentPort: string;
  stop(): void;
}

/** Finds a closed port and opens a silent one. */
export async function startPorts(): Promise<Ports> {
  const [closed, silent] = [await listen(), await listen()];
  const ports = { closedPort: portOf(closed), silentPort: portOf(silent) };
  closed.close();
  return { ...ports, stop: () => silent.close() };
}

function listen(): Promise<TcpServer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {}); // the client gives up
      socket.resume();
    });
    server.on("error", reject).listen(0, LOCAL, () => resolve(server));
  });
}

function portOf(server: TcpServer): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return String(address.port);
}
