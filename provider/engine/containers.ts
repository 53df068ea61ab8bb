import type Docker from "dockerode";

/** Whether the engine answered with this HTTP status. */
export function hasStatus(error: unknown, status: number): boolean {
  return typeof error === "object" && error !== null && "statusCode" in error && error.statusCode === status;
}

/** Whether the container is there and runs (not paused, not between two restarts). */
export async function isRunning(docker: Docker, name: string): Promise<boolean> {
  try {
    const { State } = await docker.getContainer(name).inspect();
    return State.Running && !State.Restarting && !State.Paused;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

/** Whether the container is frozen: it goes on later as if nothing had been. */
export async function isPaused(docker: Docker, name: string): Promise<boolean> {
  try {
    return (await docker.getContainer(name).inspect()).State.Paused;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

/** Sends `signal` to the container's first process; false when there is none. */
export async function reloadContainer(docker: Docker, name: string, signal = "SIGHUP"): Promise<boolean> {
  try {
    await docker.getContainer(name).kill({ signal });
    return true;
  } catch (error) {
    // 404: no such container, 409: not running.
    if (hasStatus(error, 404) || hasStatus(error, 409)) return false;
    throw error;
  }
}

/** Stops the container by its own stop signal and starts it again; killed after `graceSeconds`. */
export async function restartContainer(docker: Docker, name: string, graceSeconds: number): Promise<void> {
  await docker.getContainer(name).restart({ t: graceSeconds });
}

/** Why a container ended, in its own words: the last error among its last lines, else the last line. */
export async function lastWords(docker: Docker, name: string): Promise<string> {
  const lines = await lastLines(docker, name);
  return lines.findLast(isError) ?? lines.at(-1) ?? "no output";
}

/** Whether a line of a log says of itself that it is an error. */
export function isError(line: string): boolean {
  return /\b(FATAL|ERROR|PANIC)\b/i.test(line);
}

/**
 * The last 30 lines that a container has written. The engine's framing is taken off: without a terminal every piece has
 * a header of 8 bytes, whose last four are its length.
 */
export async function lastLines(docker: Docker, name: string): Promise<string[]> {
  const frames = await docker
    .getContainer(name)
    .logs({ stdout: true, stderr: true, tail: 30, follow: false });
  const lines: string[] = [];
  for (let at = 0; at + 8 <= frames.length; at += 8 + frames.readUInt32BE(at + 4)) {
    lines.push(frames.toString("utf8", at + 8, at + 8 + frames.readUInt32BE(at + 4)).trim());
  }
  return lines;
}
