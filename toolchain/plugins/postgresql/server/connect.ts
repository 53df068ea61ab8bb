import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Client } from "pg";
import { errorText, isDatabaseError } from "../errors.ts";
import type { Settings } from "./settings.ts";
import { NO_TLS, tlsAttempts } from "./tls.ts";

/**
 * Connects to a database of the server.
 * @throws Error in the official plugin's words, without the password.
 */
export async function connect(settings: Settings, database: string): Promise<Client> {
  try {
    if (settings.scheme !== "postgres")
      throw new Error(`the fallback plugin cannot connect by ${settings.scheme}`);
    const attempts = tlsAttempts(settings);
    for (const [i, tls] of attempts.entries()) {
      try {
        return await attempt(settings, database, tls);
      } catch (error) {
        if (i === attempts.length - 1 || !isAnswer(error)) throw error;
      }
    }
    throw new Error("no way to connect");
  } catch (error) {
    const address = `${settings.host} (scheme: ${settings.scheme})`;
    const text = redact(errorText(error), settings.password);
    throw new Error(`error connecting to PostgreSQL server ${address}: ${text}`);
  }
}

/** True when the server was reached and said no; only then another way can help. */
function isAnswer(error: unknown): boolean {
  return isDatabaseError(error) || errorText(error).includes("SSL");
}

async function attempt(
  settings: Settings,
  database: string,
  tls: ConnectionOptions | false,
): Promise<Client> {
  const socket = new Socket();
  let ends: { local: string; remote: string } | undefined;
  socket.once("connect", () => {
    ends = {
      local: `${socket.localAddress}:${socket.localPort}`,
      remote: `${socket.remoteAddress}:${socket.remotePort}`,
    };
  });
  // Loaded here: a preview never connects and need not pay for it.
  const { default: pg } = await import("pg");
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    database,
    user: settings.username,
    password: settings.password,
    ssl: tls,
    connectionTimeoutMillis: Math.max(settings.connectTimeoutSeconds, 0) * 1000,
    application_name: "Pulumi postgresql fallback plugin",
    stream: () => socket,
  });
  client.on("error", () => {}); // a connection lost between two queries: the next query fails and tells
  try {
    await client.connect();
    return client;
  } catch (error) {
    socket.destroy();
    throw inOfficialWords(error, settings, ends);
  }
}

function inOfficialWords(
  error: unknown,
  settings: Settings,
  ends?: { local: string; remote: string },
): unknown {
  const text = errorText(error);
  const target = `${settings.host}:${settings.port}`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ECONNREFUSED") return new Error(`dial tcp ${target}: connect: connection refused`);
  if (text === "timeout expired") {
    return new Error(
      ends ? `read tcp ${ends.local}->${ends.remote}: i/o timeout` : `dial tcp ${target}: i/o timeout`,
    );
  }
  if (text === NO_TLS) return new Error("pq: SSL is not enabled on the server");
  if (settings.password === "" && text.includes("client password must be")) {
    // The driver sends no empty password; this is how the server answers to one.
    return new Error(`pq: password authentication failed for user "${settings.username}" (28P01)`);
  }
  return error;
}

/** The official plugin covers the first two occurrences of the password, wherever they are. */
function redact(text: string, password: string): string {
  const cover = "XXXX";
  // An empty text occurs before each character: that is what the official plugin makes of it.
  if (password === "") return `${cover}${text.slice(0, 1)}${cover}${text.slice(1)}`;
  return text.replace(password, () => cover).replace(password, () => cover);
}
