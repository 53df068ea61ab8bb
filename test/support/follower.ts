import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What followers saw until their server was gone. */
export interface Followed {
  readonly succeeded: number;
  readonly failures: readonly string[];
}

/** Callers with keep-alive sockets that leave a server when its readiness says so, as a load balancer does. */
export interface Followers {
  /** Resolves when so many more requests have succeeded. */
  progress(requests: number): Promise<void>;
  /** Resolves when readiness has turned, nobody has sent anything since, and every answer has come. */
  readonly left: Promise<Followed>;
}

/** How often a balancer looks at readiness, in milliseconds. */
const LOOK_EVERY_MS = 200;

/** One request to send; a body makes it a POST. */
export interface Call {
  readonly path: string;
  readonly body?: unknown;
}

/** Starts `callers` callers; each waits for the answer of one call before it sends the next. */
export function follow(url: string, token: string, callers: number, nextCall: () => Call): Followers {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  let isReady = true;
  let succeeded = 0;
  const failures: string[] = [];

  const look = async () => {
    while (isReady) {
      isReady = (await send(new Agent(), url, token, { path: "/readyz" }).catch(() => 0)) === 200;
      await sleep(LOOK_EVERY_MS);
    }
  };
  const call = async () => {
    while (isReady) {
      const next = nextCall();
      try {
        const status = await send(agent, url, token, next);
        if (status < 400) succeeded += 1;
        else failures.push(`${next.path}: ${status}`);
      } catch (error) {
        failures.push(`${next.path}: ${String(error)}`);
      }
    }
  };
  const left = Promise.all([look(), ...Array.from({ length: callers }, call)]).then(() => {
    agent.destroy();
    return { succeeded, failures };
  });
  return {
    left,
    async progress(requests) {
      const wanted = succeeded + requests;
      while (succeeded < wanted && isReady) await sleep(20);
    },
  };
}

/** Sends one request on a socket of the agent. Unlike `fetch`, it never sends one again by itself. */
export function send(agent: Agent, url: string, token: string, { path, body }: Call): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const method = body === undefined ? "GET" : "POST";
  const sent = request(`${url}${path}`, { agent, method, headers }, (response) => {
    response.on("error", reject);
    response.on("end", () => resolve(response.statusCode ?? 0));
    response.resume();
  });
  sent.on("error", reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
