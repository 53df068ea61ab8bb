import type { FastifyInstance } from "fastify";
import type { Health } from "../lib/health.ts";
import { httpStatusOf } from "../lib/health-body.ts";

/** `GET /api/admin/database-health`: the whole truth for those who have the token (registered behind the token check). */
export function registerDatabaseHealth(server: FastifyInstance, health: Health): void {
  server.get("/api/admin/database-health", { logLevel: "warn" }, async (_request, reply) => {
    const body = await health.body();
    return reply
      .code(httpStatusOf(body.status))
      .header("cache-control", "no-store")
      .type("application/health+json; charset=utf-8")
      .send(JSON.stringify(body));
  });
}
