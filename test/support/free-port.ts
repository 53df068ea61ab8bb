import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Ports of one worker of the test run. Files that run at the same time choose from different ones: what one of them has
 * found free is not taken by another before it is used.
 */
const PORTS_PER_WORKER = 3000;
const WORKERS = 4;
const worker = Number(process.env.VITEST_POOL_ID ?? 1) % WORKERS;
const given = new Set<number>();

/**
 * A port on loopback that nothing listens on now and that was not given before, below the range from which the system
 * serves outgoing connections and port 0: one from there could be taken before the stack is up.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + worker * PORTS_PER_WORKER + randomInt(PORTS_PER_WORKER);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
