import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const checkout = join(import.meta.dirname, "../../..");

export interface Ran {
  readonly code: number | null;
  /** Standard output and standard error as a person sees them. */
  readonly text: string;
}

/**
 * A copy of this checkout's files with a backend, a passphrase and a secret of its own, driven by the real Pulumi CLI.
 * Nothing of the person's own stacks is touched. `canary` is part of the secret seed: it must be found nowhere.
 */
export class Project {
  readonly directory: string;
  readonly canary = `canary${randomBytes(16).toString("hex")}`;
  readonly environment: NodeJS.ProcessEnv;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "poolkit-e2e-"));
    const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: checkout,
    });
    for (const file of files
      .toString()
      .split("\0")
      .filter((name) => name !== "" && !name.startsWith("test/"))) {
      mkdirSync(dirname(join(this.directory, file)), { recursive: true });
      cpSync(join(checkout, file), join(this.directory, file));
    }
    symlinkSync(join(checkout, "node_modules"), join(this.directory, "node_modules"));
    mkdirSync(join(this.directory, "state"));
    writeFileSync(join(this.directory, "passphrase"), randomBytes(16).toString("hex"), { mode: 0o600 });
    this.environment = {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${join(this.directory, "state")}?metadata=skip`,
      PULUMI_CONFIG_PASSPHRASE_FILE: join(this.directory, "passphrase"),
      PULUMI_CONFIG_PASSPHRASE: undefined,
      PULUMI_STACK: undefined,
      NO_COLOR: "1",
    };
  }

  /** Runs a command in the project to its end. */
  run(
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; input?: string } = {},
  ): Promise<Ran> {
    return this.start(command, args, options).ended;
  }

  /** Starts a command in a process group of its own, so that a signal can be sent as a terminal would. */
  start(command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; input?: string } = {}) {
    const child = spawn(command, args, {
      cwd: this.directory,
      env: { ...this.environment, ...options.env },
      stdio: "pipe",
      detached: true,
    });
    let text = "";
    const onText: ((text: string) => void)[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        for (const listener of onText) listener(text);
      });
    }
    child.stdin.end(options.input);
    const ended = new Promise<Ran>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, text }));
    });
    return {
      ended,
      /** Calls back with everything printed so far, whenever more is. */
      onText: (listener: (text: string) => void) => onText.push(listener),
      signalGroup: (signal: NodeJS.Signals) => {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      },
    };
  }

  pulumi(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran> {
    return this.run("pulumi", [...args, "--non-interactive"], { env });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
