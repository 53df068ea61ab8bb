import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";

/** How a command inside a container ended. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command in a running container, as its own user. Secrets go in by `input`, which no list of processes shows; the
 * command must end by its own when it has read that.
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
  stream.once("close", () => [out, err].map((end) => end.end()));
  stream.write(input);
  const [stdout, stderr] = await Promise.all([text(out), text(err)]);
  const { ExitCode } = await run.inspect();
  return { exitCode: ExitCode ?? -1, stdout, stderr };
}
