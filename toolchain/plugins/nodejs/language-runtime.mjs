// @ts-check
import { createRequire } from "node:module";
import grpc from "@grpc/grpc-js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { installedDependencies, requiredPackages } from "./packages.mjs";
import { Programs } from "./programs.mjs";

/**
 * @template Request
 * @template Response
 * @typedef {import("@grpc/grpc-js").handleUnaryCall<Request, Response>} Handler
 */

/**
 * The engine's questions to a language host and our answers. What this host does not do (components in another
 * language, code generation, packing) has no handler: the engine gets "unimplemented".
 * @param {string[]} args command line: flags, then the engine's address
 */
export function languageRuntime(args) {
  const programs = new Programs(args.findLast((arg) => !arg.startsWith("-")) ?? "");

  /** @type {Handler<import("@pulumi/pulumi/proto/language_pb.js").LanguageHandshakeRequest, unknown>} */
  const handshake = (call, reply) => {
    programs.engineAddress = call.request.getEngineAddress() || programs.engineAddress;
    reply(null, new messages.LanguageHandshakeResponse());
  };

  /** @type {Handler<unknown, unknown>} */
  const getPluginInfo = (_call, reply) => {
    const { version } = createRequire(import.meta.url)("@pulumi/pulumi/package.json");
    reply(null, new plugin.PluginInfo().setVersion(version));
  };

  /** @type {Handler<unknown, unknown>} */
  const getRequiredPlugins = (_call, reply) => reply(null, new messages.GetRequiredPluginsResponse());

  /** @type {Handler<import("@pulumi/pulumi/proto/language_pb.js").GetRequiredPackagesRequest, unknown>} */
  const getRequiredPackages = (call, reply) => {
    const folder = call.request.getInfo()?.getProgramDirectory() ?? process.cwd();
    const packages = requiredPackages(folder).map(({ name, version }) =>
      new plugin.PackageDependency().setName(name).setVersion(version).setKind("resource"),
    );
    reply(null, new messages.GetRequiredPackagesResponse().setPackagesList(packages));
  };

  /** @type {Handler<import("@pulumi/pulumi/proto/language_pb.js").GetProgramDependenciesRequest, unknown>} */
  const getProgramDependencies = (call, reply) => {
    const folder = call.request.getInfo()?.getProgramDirectory() ?? process.cwd();
    const dependencies = installedDependencies(folder, call.request.getTransitivedependencies()).map(
      ({ name, version }) => new messages.DependencyInfo().setName(name).setVersion(version),
    );
    reply(null, new messages.GetProgramDependenciesResponse().setDependenciesList(dependencies));
  };

  /** @type {Handler<unknown, unknown>} */
  const about = (_call, reply) => {
    reply(null, new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version));
  };

  /** @type {Handler<unknown, unknown>} */
  const runtimeOptionsPrompts = (_call, reply) => reply(null, new messages.RuntimeOptionsResponse());

  /** @type {import("@grpc/grpc-js").handleServerStreamingCall<unknown, unknown>} */
  const installDependencies = (call) => {
    call.destroy(
      Object.assign(new Error("this language host installs no packages; run npm run setup"), {
        code: grpc.status.UNIMPLEMENTED,
      }),
    );
  };

  /** @type {Handler<import("@pulumi/pulumi/proto/language_pb.js").RunRequest, unknown>} */
  const run = (call, reply) => {
    programs.run(call.request).then(({ error, bail }) => {
      const response = new messages.RunResponse();
      if (error) response.setError(error);
      if (bail) response.setBail(true);
      reply(null, response);
    }, reply);
  };

  /** @type {Handler<unknown, unknown>} */
  const cancel = (_call, reply) => {
    programs.end();
    reply(null, new empty.Empty());
  };

  return {
    handlers: {
      handshake,
      getPluginInfo,
      getRequiredPlugins,
      getRequiredPackages,
      getProgramDependencies,
      about,
      runtimeOptionsPrompts,
      installDependencies,
      run,
      cancel,
    },
    endPrograms: () => programs.end(),
  };
}
