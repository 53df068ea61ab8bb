import Docker from "dockerode";

/**
 * A client of the engine that the stack is on.
 * @param host `docker:host` of the last `up` (`dockerHostIn`); undefined = DOCKER_HOST, else the default socket
 * @param options.timeout milliseconds after which a request ends, whatever the engine does
 */
export function engineClient(host: string | undefined, options?: { readonly timeout: number }): Docker {
  const caller = process.env.DOCKER_HOST;
  // The client understands every form of address (unix, tcp with TLS, ssh) only in this variable. Pulumi, which is
  // started later, must find the caller's again: its next `up` may go elsewhere.
  if (host !== undefined) process.env.DOCKER_HOST = host;
  try {
    return new Docker(options);
  } finally {
    if (caller === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = caller;
  }
}

/** Where that engine is, for people. */
export function enginePlace(host: string | undefined): string {
  return host ?? process.env.DOCKER_HOST ?? "its default socket";
}
