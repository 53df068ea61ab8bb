import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { errorText, PartialFailure } from "./errors.ts";

/** Where gRPC carries the details of an error. */
const DETAILS_HEADER = "grpc-status-details-bin";

/** An error as gRPC sends it; one of a half finished operation carries the state that the engine is to keep. */
export function serviceError(error: unknown, code = status.UNKNOWN): ServiceError {
  const metadata = new Metadata();
  const message = errorText(error);
  if (error instanceof PartialFailure) metadata.set(DETAILS_HEADER, Buffer.from(details(error, code)));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

function details(error: PartialFailure, code: number): Uint8Array {
  const failed = new provider.ErrorResourceInitFailed();
  failed.setId(error.id);
  failed.setProperties(struct.Struct.fromJavaScript(error.properties));
  failed.setReasonsList([error.message]);
  const detail = new any.Any();
  detail.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const result = new statusProto.Status();
  result.setCode(code);
  result.setMessage(error.message);
  result.addDetails(detail);
  return result.serializeBinary();
}
