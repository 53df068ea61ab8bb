import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const ROOT = path.resolve(import.meta.dirname, "../..");
const START_TIMEOUT_MS = 15_000;

/** Texts of the files in the application's configuration folder. */
export interface AppFiles {
  readonly settings: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly monitorUrl?: string;
  readonly consoleUrl?: string;
}

export const HEALTH_TOKEN = "canary-health-token-0123456789abcdef0123456789abcdef";
export const API_TOKEN = "canary-api-token-0123456789abcdef0123456789abcdef";
export const METRICS_TOKEN = "canary-metrics-token-0123456789abcdef0123456789abcdef";

/** The token that opens `path`. */
function tokenFor(path: string): string {
  if (path === "/metrics") return METRICS_TOKEN;
  return path.startsWith("/api/admin/") ? HEALTH_TOKEN : API_TOKEN;
}

let isBuilt = false;
function build(): void {
  if (!isBuilt) execFileSync(process.execPath, [path.join(ROOT, "app/build.mjs")], { stdio: "inherit" });
  isBuilt = true;
}

/** The bundled application as a process of its own, configured as in its container. */
export class AppProcess {
  readonly child: ChildProcess;
  readonly #folder: string;
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly exited: Promise<number | null>;
  #url = "";

  private constructor(folder: string, environment: Record<string, string>) {
    this.#folder = folder;
    this.child = spawn(process.execPath, [path.join(ROOT, "app/dist/server.mjs")], {
      env: {
        PATH: process.env.PATH ?? "",
        // Compiled code is kept from one start to the next; whoever ends by itself or by SIGTERM writes it.
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(ROOT, ".poolkit/compile-cache"),
        POOLKIT_CONFIG_DIR: folder,
        PORT: "0",
        // Tests that look at the pool see their own requests only; those of processing turn it on.
        PROCESSING_CONCURRENCY: "0",
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.exited = once(this.child, "exit").then(([code]) => code as number | null);
    if (this.child.stderr !== null)
      createInterface(this.child.stderr).on("line", (line) => this.errors.push(line));
  }

  /** Builds the bundle if it is old (once in a test run), starts it and waits until it listens, or until it has ended by itself. */
  static async start(files: AppFiles, environment: Record<string, string> = {}): Promise<AppProcess> {
    build();
    const folder = mkdtempSync(path.join(tmpdir(), "poolkit-app-"));
    writeFiles(folder, files);
    const app = new AppProcess(folder, environment);
    await Promise.race([app.#listening(), app.exited]);
    return app;
  }

  get url(): string {
    if (this.#url === "") throw new Error(`the application does not listen:\n${this.errors.join("\n")}`);
    return this.#url;
  }

  /** Requests `path` with its token and gives up after `timeoutMs`. */
  get(path: string, timeoutMs = 30_000): Promise<Response> {
    const headers = { authorization: `Bearer ${tokenFor(path)}` };
    return fetch(`${this.url}${path}`, { headers, signal: AbortSignal.timeout(timeoutMs) });
  }

  post(path: string, body: unknown): Promise<Response> {
    const headers = { authorization: `Bearer ${tokenFor(path)}`, "content-type": "application/json" };
    return fetch(`${this.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** Sends a CSV file of sessions; a body that is made while it is sent goes out piece by piece. */
  importFile(
    company: string,
    body: string | ReadableStream<Uint8Array>,
    options: { readonly signal?: AbortSignal; readonly headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const headers = { authorization: `Bearer ${API_TOKEN}`, "content-type": "text/csv", ...options.headers };
    const init = { method: "POST", body, headers, duplex: "half", signal: options.signal ?? null } as const;
    return fetch(`${this.url}/api/imports?${new URLSearchParams({ company })}`, init);
  }

  /** The health body. The endpoint promises an answer within 2 s; without one the returned promise rejects. */
  async health(): Promise<HealthAnswer> {
    const response = await this.get("/api/admin/database-health", 2000);
    return (await response.json()) as HealthAnswer;
  }

  /** Writes the files and says nothing: the application looks at them by itself. */
  write(files: AppFiles): void {
    writeFiles(this.#folder, files);
  }

  /** Writes the files and signals, as the deployer does. */
  reconfigure(files: AppFiles): void {
    this.write(files);
    this.child.kill("SIGHUP");
  }

  /** Ends the process however it is, and removes its folder. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
    await this.exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #listening(): Promise<void> {
    const { stdout } = this.child;
    if (stdout === null) throw new Error("the application has no output");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error("the application did not listen in time")),
      START_TIMEOUT_MS,
    );
    createInterface(stdout).on("line", (line) => {
      this.lines.push(line);
      const address = /Server listening at (http:\/\/[\d.]+:\d+)/.exec(line)?.[1];
      if (address !== undefined) {
        this.#url = address;
        resolve();
      }
    });
    await promise.finally(() => clearTimeout(timer));
  }
}

/** Sessions that hold something: how many, and the oldest of them. */
interface HeldBy {
  readonly count: number;
  readonly oldest: readonly { readonly pid: number; readonly applicationName: string }[];
}

/** The parts of the health body that tests look at. */
export interface HealthAnswer {
  readonly status: string;
  readonly cause: string | null;
  readonly output?: string;
  readonly advice?: string;
  readonly holders: {
    readonly lockWaits: HeldBy & {
      readonly oldest: readonly { readonly blockedBy: readonly { readonly pid: number }[] }[];
    };
    readonly slowQueries: HeldBy;
    readonly leaks: { readonly count: number; readonly oldestCaller: string | null } | null;
  };
  readonly connection: { readonly status: string };
  readonly pool: {
    readonly application: Readonly<Record<string, unknown>>;
    readonly pgbouncer: Readonly<Record<string, unknown>>;
    readonly postgres: Readonly<Record<string, unknown>>;
  };
  readonly metrics: { readonly sessions: { readonly total: number } };
  readonly configuration: {
    readonly revision: string;
    readonly lastError: string | null;
    readonly values: Readonly<Record<string, { value: unknown; unit: string | null; source: string }>>;
  };
}

function writeFiles(folder: string, { settings, databaseUrl, monitorUrl, consoleUrl }: AppFiles): void {
  const files: Record<string, string | undefined> = {
    "settings.json": JSON.stringify(settings),
    "database-url": databaseUrl,
    "monitor-url": monitorUrl,
    "console-url": consoleUrl,
    "health-token": HEALTH_TOKEN,
    "api-token": API_TOKEN,
    "metrics-token": METRICS_TOKEN,
  };
  for (const [name, content] of Object.entries(files)) {
    if (content !== undefined) writeFileSync(path.join(folder, name), content, { mode: 0o600 });
  }
}
