import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * A port on loopback that nothing listens on now, below the range from which the system serves outgoing connections and
 * port 0: one from there could be taken before the stack is up.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
