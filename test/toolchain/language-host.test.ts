import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import grpc from "@grpc/grpc-js";
import service from "@pulumi/pulumi/proto/language_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

const calls = service.LanguageRuntimeService;
const HOST = join(import.meta.dirname, "../../toolchain/plugins/nodejs/pulumi-language-nodejs.mjs");

/** Stands in for the SDK's own runner: notes how it was started, then does what the program's name says. */
const RUNNER = `
const fs = require("node:fs");
const program = process.argv.at(-1);
fs.writeFileSync("seen.json", JSON.stringify({ argv: process.argv.slice(2), execArgv: process.execArgv, cwd: process.cwd(),
  config: process.env.PULUMI_CONFIG, secrets: process.env.PULUMI_CONFIG_SECRET_KEYS,
  typescript: process.env.PULUMI_NODEJS_TYPESCRIPT, pid: process.pid }));
if (program === "ignores") process.on("SIGTERM", () => {});
if (program === "stays" || program === "ignores") setInterval(() => {}, 1000);
else process.exit(Number(program));
`;

interface Host {
  process: ChildProcess;
  client: grpc.Client;
}

let folder: string;
let shared: Host;

/** Starts the language host as the engine does, and connects to the port that it prints. */
async function startHost(): Promise<Host> {
  const started = spawn(process.execPath, [HOST, "127.0.0.1:9"], { stdio: ["pipe", "pipe", "inherit"] });
  const [port] = await once(started.stdout, "data");
  const client = new grpc.Client(`127.0.0.1:${String(port).trim()}`, grpc.credentials.createInsecure());
  return { process: started, client };
}

function stopHost({ process, client }: Host): void {
  client.close();
  process.kill("SIGKILL");
}

beforeAll(async () => {
  shared = await startHost();
});
afterAll(() => stopHost(shared));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "poolkit program-"));
  const sdk = join(folder, "node_modules/@pulumi/pulumi");
  mkdirSync(join(sdk, "cmd/run"), { recursive: true });
  writeFileSync(join(sdk, "package.json"), '{ "name": "@pulumi/pulumi", "version": "3.0.0" }');
  writeFileSync(join(sdk, "cmd/run/index.js"), RUNNER);
  writeFileSync(join(folder, "package.json"), '{ "dependencies": { "@pulumi/pulumi": "*" } }');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** One call as a promise. */
function ask<Request, Response>(
  { path, requestSerialize, responseDeserialize }: grpc.MethodDefinition<Request, Response>,
  request: Request,
  { client }: Host = shared,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) =>
      response === undefined ? reject(error) : resolve(response),
    );
  });
}

function programInfo(
  entryPoint: string,
  options: Record<string, struct.JavaScriptValue> = {},
): messages.ProgramInfo {
  return new messages.ProgramInfo()
    .setRootDirectory(folder)
    .setProgramDirectory(folder)
    .setEntryPoint(entryPoint)
    .setOptions(struct.Struct.fromJavaScript(options));
}

function runRequest(
  entryPoint: string,
  options: Record<string, struct.JavaScriptValue> = {},
): messages.RunRequest {
  const request = new messages.RunRequest()
    .setProject("kit")
    .setStack("dev")
    .setOrganization("organization")
    .setPwd(folder)
    .setMonitorAddress("127.0.0.1:8")
    .setParallel(4)
    .setDryrun(true)
    .setConfigsecretkeysList(["kit:seed"])
    .setInfo(programInfo(entryPoint, options));
  request.getConfigMap().set("kit:preset", "dev");
  return request;
}

async function seen(): Promise<Record<string, unknown> & { argv: string[]; pid: number }> {
  const path = join(folder, "seen.json");
  while (!existsSync(path) || readFileSync(path, "utf8") === "") await sleep(5);
  return JSON.parse(readFileSync(path, "utf8"));
}

describe("the Node language host", { timeout: 30_000 }, () => {
  it("takes the engine's address from the command line when there was no handshake", async () => {
    await ask(calls.run, runRequest("0"));
    expect((await seen()).argv).toContain("--engine=127.0.0.1:9");
  });

  it("starts the SDK's runner with what the engine says", async () => {
    await ask(
      calls.handshake,
      new messages.LanguageHandshakeRequest()
        .setEngineAddress("127.0.0.1:7")
        .setRootDirectory(folder)
        .setProgramDirectory(folder),
    );
    await ask(
      calls.run,
      runRequest("0", { typescript: false, nodeargs: "--no-deprecation --trace-uncaught" }),
    );
    expect(await seen()).toMatchObject({
      argv: [
        "--monitor=127.0.0.1:8",
        "--engine=127.0.0.1:7",
        "--organization=organization",
        "--project=kit",
        "--stack=dev",
        `--pwd=${folder}`,
        `--root-directory=${folder}`,
        "--parallel=4",
        "--dry-run",
        "0",
      ],
      execArgv: ["--no-deprecation", "--trace-uncaught"],
      cwd: folder,
      config: '{"kit:preset":"dev"}',
      secrets: '["kit:seed"]',
      typescript: "false",
    });
  });

  it.each([
    ["0", { error: "", bail: false }],
    ["32", { error: "", bail: true }],
    ["5", { error: "Program exited with non-zero exit code: 5", bail: false }],
  ])("reports exit code %s", async (program, expected) => {
    const response = await ask(calls.run, runRequest(program));
    expect({ error: response.getError(), bail: response.getBail() }).toEqual(expected);
  });

  it("ends the program when the engine cancels", async () => {
    const run = ask(calls.run, runRequest("stays"));
    await seen();
    await ask(calls.cancel, new empty.Empty());
    expect((await run).getError()).toBe("Program exited with signal SIGTERM");
  });

  it.each([
    ["the engine is gone", (host: ChildProcess) => host.stdin?.end(), "stays"],
    ["the engine ends it", (host: ChildProcess) => host.kill("SIGINT"), "stays"],
    ["the engine is gone and the program will not go", (host: ChildProcess) => host.stdin?.end(), "ignores"],
  ])("ends itself and the program when %s", async (_name, act, program) => {
    const host = await startHost();
    try {
      const run = ask(calls.run, runRequest(program), host).catch(() => undefined);
      const { pid } = await seen();
      act(host.process);
      await once(host.process, "exit");
      await run;
      while (isAlive(pid)) await sleep(5); // the test's own time limit is the bound
    } finally {
      stopHost(host);
    }
  });

  it("names the plugins that the installed packages stand for", async () => {
    const docker = join(folder, "node_modules/@pulumi/docker");
    mkdirSync(docker, { recursive: true });
    const manifest = { name: "@pulumi/docker", version: "5.2.0", pulumi: { resource: true, name: "docker" } };
    writeFileSync(join(docker, "package.json"), JSON.stringify(manifest));
    mkdirSync(join(folder, "node_modules/.bin"));
    const response = await ask(
      calls.getRequiredPackages,
      new messages.GetRequiredPackagesRequest().setInfo(programInfo(".")),
    );
    expect(
      response.getPackagesList().map((item) => [item.getKind(), item.getName(), item.getVersion()]),
    ).toEqual([["resource", "docker", "5.2.0"]]);
  });

  it("tells which Node runs programs", async () => {
    const about = await ask(calls.about, new messages.AboutRequest().setInfo(programInfo(".")));
    expect(about.getVersion()).toBe(process.version);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
