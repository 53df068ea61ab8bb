import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { UserError } from "./user-error.ts";

/** The project is the folder above this one: the command works from anywhere. */
export const projectDirectory = join(import.meta.dirname, "..");

export interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs Pulumi on the person's own terminal, so that its live display, its questions and Ctrl-C are its own (the
 * Automation API would give only the plain text form). Resolves to Pulumi's exit code, 128 + n for signal n.
 */
export function runPulumi(args: readonly string[]): Promise<number> {
  return start(args, "inherit").then(({ code }) => code);
}

/**
 * The same for a command that another one follows.
 * @throws UserError when Ctrl-C or SIGTERM came meanwhile: nobody wants the other one any more
 */
export async function runPulumiStep(args: readonly string[]): Promise<number> {
  const { code, stoppedBy } = await start(args, "inherit");
  refuseIfStopped(stoppedBy);
  return code;
}

/**
 * Runs Pulumi quietly. `input` goes to its standard input, which keeps secrets out of the process list; `signal` ends
 * it early, for commands that only read. Ctrl-C meanwhile ends the whole command: whatever Pulumi answered then, half
 * an answer must not be taken for one.
 * @throws UserError when Ctrl-C or SIGTERM came meanwhile
 */
export async function capturePulumi(
  args: readonly string[],
  input?: string,
  signal?: AbortSignal,
): Promise<Captured> {
  const { stoppedBy, ...captured } = await start([...args, "--non-interactive"], "pipe", input, signal);
  refuseIfStopped(stoppedBy);
  return captured;
}

function refuseIfStopped(stoppedBy: NodeJS.Signals | undefined): void {
  if (stoppedBy !== undefined) throw new UserError("interrupted", 128 + constants.signals[stoppedBy]);
}

/** The message of a Pulumi command that failed. */
export function pulumiMessage(stderr: string): string {
  return stderr.trim().replace(/^error: /, "");
}

interface Ended extends Captured {
  /** What asked this process to stop meanwhile. */
  readonly stoppedBy: NodeJS.Signals | undefined;
}

function start(
  args: readonly string[],
  stdio: "inherit" | "pipe",
  input?: string,
  signal?: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Ctrl-C reaches Pulumi through the terminal's process group; this process waits for it to finish cleanly. A
    // SIGTERM comes to this process alone and is passed on.
    let stoppedBy: NodeJS.Signals | undefined;
    const wait = () => {
      stoppedBy = "SIGINT";
    };
    const passOn = () => {
      stoppedBy = "SIGTERM";
      child.kill("SIGTERM");
    };
    process.on("SIGINT", wait).on("SIGTERM", passOn);
    // Only now: a signal in the moment in between would end this process alone.
    const child = spawn("pulumi", args, { cwd: projectDirectory, stdio, signal });
    const output = { stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    // A command that ends before it has read its input says why on stderr.
    child.stdin?.on("error", () => {}).end(input);
    child.on("error", () =>
      reject(new UserError("no `pulumi` on PATH; run: npm run setup, then . .poolkit/env")),
    );
    child.on("close", (code, signal) => {
      process.off("SIGINT", wait).off("SIGTERM", passOn);
      resolve({
        code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
        ...output,
        // The signal goes to Pulumi, too, and its end may be heard of first.
        stoppedBy: stoppedBy ?? (signal === "SIGINT" || signal === "SIGTERM" ? signal : undefined),
      });
    });
  });
}
