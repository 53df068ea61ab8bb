#!/usr/bin/env node
// @ts-check
/**
 * The Node language host for networks where the official one cannot be downloaded: started by Pulumi's engine,
 * prints the port it serves on and runs the program when the engine asks. See README.md beside this file.
 */
import grpc from "@grpc/grpc-js";
import service from "@pulumi/pulumi/proto/language_grpc_pb.js";
import { languageRuntime } from "./language-runtime.mjs";

const MAX_MESSAGE_BYTES = 400 * 1024 * 1024; // the engine's own limit

const runtime = languageRuntime(process.argv.slice(2));
const server = new grpc.Server({
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
});
server.addService(service.LanguageRuntimeService, runtime.handlers);

/** Ends the programs that still run, then this process. @param {number} code */
async function end(code) {
  await runtime.endPrograms();
  process.exit(code);
}

// The engine holds the other end of standard input: it closes when the engine is gone, however it went.
process.stdin
  .on("end", () => end(0))
  .on("error", () => end(0))
  .resume();
// The engine ends its plugins by SIGINT to their process group (a terminal's Ctrl-C does not reach it) and waits
// 5 s for them.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => end(0));

server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    process.stderr.write(`pulumi-language-nodejs: cannot listen on 127.0.0.1: ${error.message}\n`);
    process.exit(1);
  }
  process.stdout.write(`${port}\n`);
});
