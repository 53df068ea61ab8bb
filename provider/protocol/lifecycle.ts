import type grpc from "@grpc/grpc-js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb, { type Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { UserError } from "../model/errors.ts";
import { problemText } from "../model/shape.ts";
import { CallProperties, failureOf } from "./calls.ts";
import type { Plugin } from "./plugin.ts";

type Unary<Q, R> = grpc.handleUnaryCall<Q, R>;

/** The calls about the plugin itself: meeting the engine, settings, functions, the end. */
export function lifecycleMethods(plugin: Plugin) {
  const handshake: Unary<pb.ProviderHandshakeRequest, pb.ProviderHandshakeResponse> = (
    { request },
    answer,
  ) => {
    plugin.connectEngine(request.getEngineAddress());
    answer(null, new pb.ProviderHandshakeResponse().setAcceptSecrets(true));
  };
  const attach: Unary<pluginPb.PluginAttach, Empty> = ({ request }, answer) => {
    plugin.connectEngine(request.getAddress());
    answer(null, new emptyPb.Empty());
  };
  const getPluginInfo: Unary<Empty, pluginPb.PluginInfo> = (_, answer) => {
    answer(null, new pluginPb.PluginInfo().setVersion(plugin.version));
  };
  const getSchema: Unary<pb.GetSchemaRequest, pb.GetSchemaResponse> = (_, answer) => {
    const schema = JSON.stringify({ name: "poolkit", version: plugin.version });
    answer(null, new pb.GetSchemaResponse().setSchema(schema));
  };
  const checkConfig: Unary<pb.CheckRequest, pb.CheckResponse> = ({ request }, answer) => {
    answer(null, new pb.CheckResponse().setInputs(request.getNews()));
  };
  const diffConfig: Unary<pb.DiffRequest, pb.DiffResponse> = (_, answer) =>
    answer(null, new pb.DiffResponse());
  const configure: Unary<pb.ConfigureRequest, pb.ConfigureResponse> = ({ request }, answer) => {
    const properties = new CallProperties([], request.getArgs());
    const problems = plugin.configure(properties.plain(0));
    if (problems.length > 0) {
      const error = new UserError(`provider settings: ${problems.map(problemText).join("; ")}`);
      answer(failureOf(error, properties));
      return;
    }
    answer(null, new pb.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true));
  };
  const invoke: Unary<pb.InvokeRequest, pb.InvokeResponse> = ({ request }, answer) => {
    const properties = new CallProperties([], request.getArgs());
    const context = plugin.context("", 0);
    const run = async () => {
      const named = plugin.functions.get(request.getTok().replace(/^.*:/, ""));
      if (named === undefined) throw new UserError(`the poolkit plugin has no function ${request.getTok()}`);
      return named(properties.plain(0), context);
    };
    plugin.track(run()).then(
      (result) => answer(null, new pb.InvokeResponse().setReturn(properties.sealed(result))),
      (error) => answer(failureOf(error, properties, context.signal)),
    );
  };
  const cancel: Unary<Empty, Empty> = (_, answer) => {
    plugin.cancel();
    answer(null, new emptyPb.Empty());
  };
  return {
    handshake,
    attach,
    getPluginInfo,
    getSchema,
    checkConfig,
    diffConfig,
    configure,
    invoke,
    cancel,
  };
}
