import { credentials } from "@grpc/grpc-js";

/** The way back to the engine: what the plugin has to say to the user besides its answers. */
export class Engine {
  readonly #address: string | undefined;

  constructor(address: string | undefined) {
    this.#address = address;
  }

  /** Shows warnings to the user; with a URN they stand at the resource. */
  async warn(messages: readonly string[], urn = ""): Promise<void> {
    if (messages.length === 0 || !this.#address) return;
    // Loaded only when there is something to say: it would cost start-up time in every run.
    const { default: services } = await import("@pulumi/pulumi/proto/engine_grpc_pb.js");
    const { default: engine } = await import("@pulumi/pulumi/proto/engine_pb.js");
    const client = new services.EngineClient(this.#address, credentials.createInsecure());
    try {
      for (const message of messages) {
        const request = new engine.LogRequest();
        request.setSeverity(engine.LogSeverity.WARNING);
        request.setMessage(message);
        request.setUrn(urn);
        await new Promise<void>((resolve, reject) => {
          client.log(request, (error) => (error ? reject(error) : resolve()));
        });
      }
    } finally {
      client.close();
    }
  }
}
