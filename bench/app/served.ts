import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import autocannon from "autocannon";

/** One measurement of a server under load. */
export interface Measured {
  readonly requestsPerSecond: number;
  readonly p99Milliseconds: number;
  /** CPU time of the server per 1,000 requests, in seconds: unlike requests per second hardly moved by neighbours. */
  readonly cpuPer1000: number;
}

/** A server process of its own. */
export class Served {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Starts `bench/app/server.ts <way>` and waits until it listens. */
  static async start(way: string, environment: Record<string, string>): Promise<Served> {
    const script = new URL("server.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script, way], {
      env: { PATH: process.env.PATH, NODE_ENV: "production", ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout);
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the server of way ${way} ended with ${code}`);
    });
    const [url]: string[] = await Promise.race([once(lines, "line"), ended]);
    ended.catch(() => {}); // from here on an end shows as failed requests
    return new Served(child, url ?? "");
  }

  /** Loads the server with `connections` callers for `seconds`; throws when an answer was not 2xx. */
  async load(paths: readonly string[], seconds: number, connections = 50): Promise<Measured> {
    const before = await this.#cpu();
    const result = await autocannon({
      url: this.url,
      connections,
      duration: seconds,
      requests: paths.map((path) => ({ path })),
    });
    const used = (await this.#cpu()) - before;
    const { total } = result.requests;
    if (result.non2xx > 0 || result.errors > 0) {
      throw new Error(`${result.non2xx} answers other than 2xx, ${result.errors} errors`);
    }
    return {
      requestsPerSecond: total / result.duration,
      p99Milliseconds: result.latency.p99,
      cpuPer1000: used / 1000 / total,
    };
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  async #cpu(): Promise<number> {
    return Number(await (await fetch(`${this.url}/cpu`)).text());
  }
}
