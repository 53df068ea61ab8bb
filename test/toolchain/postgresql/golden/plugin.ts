import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import type { Json, JsonObject } from "./json.ts";
import { answers, nameOf, requests } from "./messages.ts";

const TIMEOUT_MS = 60_000;

type Reply<Answer> = (error: ServiceError | null, answer: Answer) => void;
type Call<Request, Answer> = (request: Request, reply: Reply<Answer>) => void;

/** A running plugin and a client of it. */
export class Plugin {
  readonly #child: ChildProcess;
  readonly #client: InstanceType<typeof services.ResourceProviderClient>;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#client = new services.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
    });
  }

  /** Starts the plugin the way the engine does, without variables that would change defaults. */
  static async start(executable: string, engineAddress: string): Promise<Plugin> {
    const child = spawn(executable, [engineAddress], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const first = once(lines, "line", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the plugin ended (${code}) before it printed its port`);
    });
    const [line] = await Promise.race([first, ended]);
    return new Plugin(child, Number(line));
  }

  /** Ends the plugin and waits for it. */
  async stop(): Promise<void> {
    this.#client.close();
    const ended = once(this.#child, "exit");
    this.#child.kill();
    await ended;
  }

  /** Sends a recorded request; the answer or the error in its recorded form. Undefined: no such operation. */
  call(op: string, request: JsonObject): Promise<Json> | undefined {
    const client = this.#client;
    switch (op) {
      case "getPluginInfo":
        return ask(client.getPluginInfo.bind(client), new empty.Empty(), answers.pluginInfo);
      case "handshake":
        return ask(client.handshake.bind(client), new provider.ProviderHandshakeRequest(), () => ({}));
      case "checkConfig":
        return ask(client.checkConfig.bind(client), requests.check(request), answers.check);
      case "diffConfig":
        return ask(client.diffConfig.bind(client), requests.diff(request), answers.diff);
      case "configure":
        return ask(client.configure.bind(client), requests.configure(request), answers.configure);
      case "check":
        return ask(client.check.bind(client), requests.check(request), answers.check);
      case "diff":
        return ask(client.diff.bind(client), requests.diff(request), answers.diff);
      case "create":
        return ask(client.create.bind(client), requests.create(request), answers.create);
      case "read":
        return ask(client.read.bind(client), requests.read(request), answers.read);
      case "update":
        return ask(client.update.bind(client), requests.update(request), answers.update);
      case "delete":
        return ask(client.delete.bind(client), requests.delete(request), () => ({}));
      case "invoke":
        return ask(client.invoke.bind(client), requests.invoke(request), answers.invoke);
      default:
        return undefined;
    }
  }
}

function ask<Request, Answer>(
  call: Call<Request, Answer>,
  request: Request,
  read: (answer: Answer) => Json,
): Promise<Json> {
  return new Promise((resolve) => {
    call(request, (error, answer) => resolve(error ? { error: recordedError(error) } : read(answer)));
  });
}

function recordedError(error: ServiceError): Json {
  const recorded: JsonObject = { code: nameOf(status, error.code), message: error.details };
  const raw = error.metadata.get("grpc-status-details-bin")[0];
  if (!raw) return recorded;
  for (const detail of statusProto.Status.deserializeBinary(Buffer.from(raw)).getDetailsList()) {
    if (!detail.getTypeName().endsWith("ErrorResourceInitFailed")) continue;
    const failed = provider.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
    recorded.initFailed = {
      id: failed.getId(),
      properties: failed.getProperties()?.toJavaScript() ?? null,
      inputs: failed.getInputs()?.toJavaScript() ?? null,
      reasons: failed.getReasonsList(),
    };
  }
  return recorded;
}
