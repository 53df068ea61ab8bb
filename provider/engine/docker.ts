import type Docker from "dockerode";

import { messageOf, UserError } from "../model/errors.ts";

/**
 * The client of Docker Engine, loaded on first use: previews without a change never need it.
 * @param dockerHost address as in DOCKER_HOST; undefined = that variable, else the default socket
 * @throws UserError when the engine does not answer
 */
export async function connectDocker(dockerHost: string | undefined): Promise<Docker> {
  const { default: Client } = await import("dockerode");
  // The client understands every form of address (unix, tcp with TLS, ssh) only in this variable. Each provider
  // instance is a process of its own, so the variable holds for this one alone.
  if (dockerHost !== undefined) process.env.DOCKER_HOST = dockerHost;
  const docker = new Client();
  try {
    await docker.ping();
  } catch (error) {
    const place = process.env.DOCKER_HOST ?? "its default socket";
    throw new UserError(
      `Docker Engine does not answer at ${place} (${messageOf(error)}): start it, or point DOCKER_HOST or the provider's dockerHost at it`,
    );
  }
  return docker;
}
