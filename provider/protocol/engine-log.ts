import grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginePb from "@pulumi/pulumi/proto/engine_pb.js";

/** Writes into Pulumi's output; silent until the engine has said where it listens. */
export class EngineLog {
  #client: engineGrpc.EngineClient | undefined;

  /** @param address `host:port` of the engine, from the first argument or the handshake */
  connect(address: string): void {
    this.#client = new engineGrpc.EngineClient(address, grpc.credentials.createInsecure());
  }

  info(urn: string, message: string): void {
    this.#send(urn, message, enginePb.LogSeverity.INFO);
  }

  warning(urn: string, message: string): void {
    this.#send(urn, message, enginePb.LogSeverity.WARNING);
  }

  #send(urn: string, message: string, severity: enginePb.LogSeverity): void {
    const request = new enginePb.LogRequest();
    request.setUrn(urn);
    request.setMessage(message);
    request.setSeverity(severity);
    // A message that does not arrive must not fail the deployment; the outcome does not depend on it.
    this.#client?.log(request, () => {});
  }
}
