import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import type Docker from "dockerode";

/** How a command inside a container ended. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const timeoutMs = 30_000;

/**
 * Runs a command in a running container, as its own user, for 30 s at most. Secrets go in by `input`, which no list of
 * processes shows; the command must end by itself when it has read that.
 * @throws what the engine answers, and the end of the connection to it
 */
export async function exec(
  docker: Docker,
  name: string,
  command: readonly string[],
  input: string,
): Promise<ExecResult> {
  const attached = { AttachStdin: true, AttachStdout: true, AttachStderr: true };
  const run = await docker.getContainer(name).exec({ ...attached, Cmd: [...command] });
  const stream = await run.start({ hijack: true, stdin: true });
  const [out, err] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, out, err);
  const texts = Promise.all([text(out), text(err)]);
  stream.write(input);
  try {
    await finished(stream, { writable: false, signal: AbortSignal.timeout(timeoutMs) });
  } finally {
    stream.destroy();
    out.end();
    err.end();
  }
  const [stdout, stderr] = await texts;
  const { ExitCode } = await run.inspect();
  return { exitCode: ExitCode ?? -1, stdout, stderr };
}
