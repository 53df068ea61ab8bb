import type { FastifyInstance } from "fastify";
import { QUIET } from "../log/quiet-log.ts";

/** What readiness is made of. */
export interface Readiness {
  isStopping(): boolean;
  /** True when a query reaches Postgres through PgBouncer. */
  isReachable(): Promise<boolean>;
}

/**
 * `/livez`: the process serves HTTP; never looks at the database, because restarting the process would not heal that.
 * `/readyz`: send work here; 503 until a query first succeeds, while the database is away, and from the first moment
 * of a stop. Both are open to everybody and therefore tell nothing but yes or no.
 */
export function registerProbes(server: FastifyInstance, readiness: Readiness): void {
  server.get("/livez", QUIET, async (_request, reply) =>
    reply.header("cache-control", "no-store").send({ status: "ok" }),
  );
  server.get("/readyz", QUIET, async (_request, reply) => {
    const isReady = !readiness.isStopping() && (await readiness.isReachable()) && !readiness.isStopping();
    reply.header("cache-control", "no-store").code(isReady ? 200 : 503);
    return { status: isReady ? "ok" : "unavailable" };
  });
}
