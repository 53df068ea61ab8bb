import type grpc from "@grpc/grpc-js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb, { type Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { UserError } from "../model/errors.ts";
import type { Handler } from "../model/handler.ts";
import type { Context } from "../model/resource.ts";
import { CallProperties, failureOf } from "./calls.ts";
import type { Plugin } from "./plugin.ts";
import { checkResponse, diffResponse } from "./responses.ts";

/** One call about one resource. */
interface Call<Q> {
  readonly request: Q;
  readonly handler: Handler;
  readonly properties: CallProperties;
  readonly context: Context;
}
interface ResourceRequest {
  getUrn(): string;
  getTimeout?(): number;
}

/** The calls about resources. */
export function operationMethods(plugin: Plugin) {
  /** @param structs the properties of a request, in the order in which `run` asks for them */
  const method = <Q extends ResourceRequest, R>(
    structs: (request: Q) => (Struct | undefined)[],
    run: (call: Call<Q>) => Promise<R>,
  ): grpc.handleUnaryCall<Q, R> => {
    return ({ request }, answer) => {
      const type = typeOf(request.getUrn());
      const handler = plugin.resources.get(type.replace(/^.*:/, ""));
      const properties = new CallProperties(handler?.secrets ?? [], ...structs(request));
      const plain = plugin.context(request.getUrn(), request.getTimeout?.() ?? 0);
      const context = { ...plain, log: properties.redacting(plain.log) };
      if (handler === undefined) {
        answer(failureOf(new UserError(`the poolkit plugin has no resource type ${type}`), properties));
        return;
      }
      plugin.track(run({ request, handler, properties, context })).then(
        (response) => answer(null, response),
        (error) => answer(failureOf(error, properties, context.signal)),
      );
    };
  };

  return {
    check: method(
      (request: pb.CheckRequest) => [request.getNews()],
      async ({ handler, properties }) => checkResponse(handler.check(properties.plain(0)), properties),
    ),
    diff: method(
      (request: pb.DiffRequest) => [request.getOlds(), request.getOldInputs(), request.getNews()],
      async ({ handler, properties }) =>
        diffResponse(handler.diff(properties.plain(0), properties.plain(1), properties.plain(2))),
    ),
    create: method(
      (request: pb.CreateRequest) => [request.getProperties()],
      async ({ request, handler, properties, context }) => {
        const inputs = properties.plain(0);
        const { id, state } = request.getPreview()
          ? handler.preview(inputs)
          : await handler.create(inputs, context);
        return new pb.CreateResponse().setId(id).setProperties(properties.sealed(state));
      },
    ),
    read: method(
      (request: pb.ReadRequest) => [request.getProperties(), request.getInputs()],
      async ({ request, handler, properties, context }) => {
        const found = await handler.read(properties.plain(1), properties.plain(0), context);
        if (found === undefined) return new pb.ReadResponse();
        const response = new pb.ReadResponse().setId(request.getId());
        return response
          .setProperties(properties.sealed(found.state))
          .setInputs(properties.sealed(found.inputs));
      },
    ),
    update: method(
      (request: pb.UpdateRequest) => [request.getNews(), request.getOlds(), request.getOldInputs()],
      async ({ request, handler, properties, context }) => {
        const inputs = properties.plain(0);
        const former = { state: properties.plain(1), inputs: properties.plain(2) };
        const state = request.getPreview()
          ? handler.preview(inputs, former).state
          : await handler.update(inputs, former, context);
        return new pb.UpdateResponse().setProperties(properties.sealed(state));
      },
    ),
    delete: method(
      (request: pb.DeleteRequest) => [request.getOldInputs(), request.getProperties()],
      async ({ handler, properties, context }): Promise<Empty> => {
        await handler.delete(properties.plain(0), properties.plain(1), context);
        return new emptyPb.Empty();
      },
    ),
  };
}

/** The type in a URN `urn:pulumi:stack::project::parent$type::name`. */
function typeOf(urn: string): string {
  return (urn.split("::")[2] ?? "").replace(/^.*\$/, "");
}
