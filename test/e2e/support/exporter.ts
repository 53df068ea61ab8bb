import { createServer } from "node:http";
import type { TestStack } from "./stack.ts";

/** An exporter on the engine's machine that the stack's containers reach, and nobody beyond that machine. */
export interface TestExporter {
  /** `host:port` for `poolkit:scrape`. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Starts one in this process, on the machine's address in the network of a stack with Prometheus.
 * @param figuresOf what is shown at an address, in Prometheus' text format; undefined = 404
 */
export async function startExporter(
  stack: TestStack,
  figuresOf: (url: URL) => string | undefined,
): Promise<TestExporter> {
  const server = createServer(({ url = "" }, response) => {
    const figures = figuresOf(new URL(url, "http://exporter"));
    response.writeHead(figures === undefined ? 404 : 200, { "content-type": "text/plain; version=0.0.4" });
    response.end(`${figures ?? ""}\n`);
  });
  const host = await gatewayOf(stack);
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    address: `${host}:${port}`,
    async stop() {
      // Prometheus keeps its connections open.
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Address of the engine's machine in the stack's network. */
async function gatewayOf(stack: TestStack): Promise<string> {
  const { NetworkSettings } = await stack.container("prometheus").inspect();
  const gateway = NetworkSettings.Networks[`poolkit-${stack.name}`]?.Gateway;
  if (gateway === undefined || gateway === "") throw new Error(`the network of ${stack.name} has no gateway`);
  return gateway;
}
