import grpc from "@grpc/grpc-js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";

/** A failed call whose message Pulumi shows as it is. */
export function failure(message: string): Partial<grpc.StatusObject> {
  return { code: grpc.status.UNKNOWN, details: message };
}

/**
 * A failed create, read or update of a resource that exists nevertheless: Pulumi records it with the reason and
 * updates it next time. Sent in the metadata field that Go's gRPC reads error details from.
 */
export function initFailure(id: string, message: string, inputs: Struct): Partial<grpc.StatusObject> {
  const detail = new providerPb.ErrorResourceInitFailed();
  detail.setId(id);
  detail.setProperties(inputs);
  detail.setInputs(inputs);
  detail.setReasonsList([message]);
  const any = new anyPb.Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statusPb.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: message, metadata };
}
