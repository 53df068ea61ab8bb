import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import autocannon from "autocannon";
import { freePort } from "../../test/support/free-port.ts";
import { eventually } from "../../test/support/load.ts";

const APP = path.resolve(import.meta.dirname, "../../app");
const API_TOKEN = "bench-api-token-0123456789abcdef0123456789abc";
/** A small read, so that the log's share is as large as it gets: an unknown id, answered with 404. */
const PATH = "/api/imports/00000000-0000-7000-8000-000000000000";

/** The bundled application at a log level; its lines are read, as an engine reads them, and counted. */
export class LoggingApp {
  readonly #child: ChildProcess;
  readonly #url: string;
  lines = 0;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
    child.stdout?.on("data", (piece: Buffer) => {
      for (const byte of piece) if (byte === 10) this.lines += 1;
    });
  }

  /** Resolves when it is ready. */
  static async start(databaseUrl: string, LOG_LEVEL: string): Promise<LoggingApp> {
    execFileSync(process.execPath, [path.join(APP, "build.mjs")], { stdio: "inherit" });
    const PORT = String(await freePort());
    const child = spawn(process.execPath, [path.join(APP, "dist/server.mjs")], {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        HEALTH_TOKEN: "bench-health-token-0123456789abcdef0123456789",
        API_TOKEN,
        PORT,
        LOG_LEVEL,
        PROCESSING_CONCURRENCY: "0",
        USE_ENHANCED_POOLING: "true",
        DATABASE_CONNECTION_LIMIT: "10",
        DATABASE_POOL_TIMEOUT: "10",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const app = new LoggingApp(child, `http://127.0.0.1:${PORT}`);
    const isReady = () =>
      fetch(`${app.#url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await eventually(isReady, { what: "a ready application" }).catch(async (error: unknown) => {
      await app.stop();
      throw error;
    });
    return app;
  }

  /** Requests a second of 20 callers. Throws when an answer was another than 404. */
  async load(seconds: number): Promise<number> {
    const result = await autocannon({
      url: `${this.#url}${PATH}`,
      headers: { authorization: `Bearer ${API_TOKEN}` },
      connections: 20,
      duration: seconds,
    });
    const others = result.requests.total - result["4xx"] + result.errors;
    if (others > 0) throw new Error(`${others} answers other than 404`);
    return result.requests.total / result.duration;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
