// @ts-check
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { Duplex } from "node:stream";

/** @typedef {import("./locate.mjs").EngineAddress} EngineAddress */

/**
 * One request to Docker Engine's HTTP API, over whatever the address says. Rejects when no answer begins within
 * the limit; the body is the caller's to read.
 * @param {EngineAddress} address
 * @param {string} method
 * @param {string} path
 * @param {{ timeoutMs: number, body?: import("node:stream").Readable }} options
 * @returns {Promise<http.IncomingMessage>}
 */
export function request(address, method, path, { timeoutMs, body }) {
  return new Promise((resolve, reject) => {
    const call = transport(address)({
      method,
      path,
      headers: body ? { "content-type": "application/x-tar" } : {},
    });
    const timer = setTimeout(() => {
      call.destroy(new Error(`no answer from ${address.host} within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    call.on("response", (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    call.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    if (body) body.pipe(call);
    else call.end();
  });
}

/**
 * @param {EngineAddress} address
 * @returns {(options: http.RequestOptions) => http.ClientRequest}
 */
function transport(address) {
  const { protocol, hostname: written, port, pathname, username } = new URL(address.host);
  const hostname = written.replace(/^\[(.*)\]$/, "$1"); // only addresses write an IPv6 address in brackets
  switch (protocol) {
    case "unix:":
      return (options) =>
        http.request({ ...options, host: "docker", socketPath: decodeURIComponent(pathname) });
    case "tcp:":
    case "http:":
    case "https:": {
      const { certificates } = address;
      if (!certificates) return (options) => http.request({ ...options, host: hostname, port: port || 2375 });
      const tls = {
        ca: readFileSync(join(certificates, "ca.pem")),
        cert: readFileSync(join(certificates, "cert.pem")),
        key: readFileSync(join(certificates, "key.pem")),
      };
      return (options) => https.request({ ...options, ...tls, host: hostname, port: port || 2376 });
    }
    case "ssh:": {
      const destination = [
        ...(username ? ["-l", username] : []),
        ...(port ? ["-p", port] : []),
        "--",
        hostname,
      ];
      return (options) =>
        http.request({ ...options, host: "docker", createConnection: () => overSsh(destination) });
    }
    default:
      throw new Error(`address not understood: ${address.host} (known: unix://, tcp://, ssh://)`);
  }
}

/**
 * The way Docker's own client takes over ssh: the engine's socket, joined to a remote command's input and output.
 * @param {string[]} destination
 */
function overSsh(destination) {
  const args = [
    "-o",
    "ConnectTimeout=5",
    "-o",
    "BatchMode=yes",
    ...destination,
    "docker",
    "system",
    "dial-stdio",
  ];
  const child = spawn("ssh", args, { stdio: ["pipe", "pipe", "ignore"] });
  const connection = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.on("error", (error) => connection.destroy(error));
  connection.on("close", () => child.kill());
  return /** @type {import("node:net").Socket} */ (connection);
}

/**
 * The whole body of an answer as text. @param {http.IncomingMessage} response
 */
export async function textOf(response) {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return text;
}

/**
 * The engine's version, or the reason why there is none: bounded, never rejects.
 * @param {EngineAddress} address
 * @param {number} timeoutMs
 * @returns {Promise<{ version: string } | { reason: string, code?: string }>}
 */
export async function askVersion(address, timeoutMs) {
  try {
    const response = await request(address, "GET", "/version", { timeoutMs });
    const text = await textOf(response);
    const { Version: version } = JSON.parse(text);
    return version ? { version } : { reason: `not Docker Engine: it answered ${text.slice(0, 80)}` };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
    return { reason: error.message, code };
  }
}
