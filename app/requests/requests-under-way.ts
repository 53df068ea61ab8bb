import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/** A request that has not been answered to its end. */
export interface OpenRequest {
  readonly method: string;
  /** Without the query, which may hold what people type. */
  readonly path: string;
  readonly ageMs: number;
}

/** Knows the requests that a server has begun and not finished, from now on. */
export class RequestsUnderWay {
  readonly #open = new Map<IncomingMessage, number>();
  readonly #connections = new Set<Socket>();
  #total = 0;

  constructor(server: Server) {
    server.on("connection", (socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
    });
    server.on("request", (request, response) => {
      this.#total += 1;
      this.#open.set(request, performance.now());
      response.once("close", () => this.#open.delete(request));
    });
  }

  /** Requests begun and not finished, and all that were ever begun. */
  counts(): { readonly underWay: number; readonly total: number } {
    return { underWay: this.#open.size, total: this.#total };
  }

  /** Cuts every connection on which no request is under way: none has come, not its whole head, or it was answered. */
  cutSilentConnections(): void {
    const busy = new Set([...this.#open.keys()].map(({ socket }) => socket));
    for (const socket of this.#connections) if (!busy.has(socket)) socket.destroy();
  }

  list(): OpenRequest[] {
    const now = performance.now();
    return [...this.#open].map(([{ method = "", url = "" }, since]) => ({
      method,
      path: url.split("?")[0] ?? "",
      ageMs: Math.round(now - since),
    }));
  }
}
