import type { FastifyInstance } from "fastify";
import type { Health } from "../health/health.ts";
import { type HealthBody, httpStatusOf } from "../health/health-body.ts";
import { QUIET } from "../log/quiet-log.ts";

/** `GET /api/admin/database-health`: the whole truth for those who have the token (registered behind the token check). */
export function registerDatabaseHealth(server: FastifyInstance, health: Health): void {
  // Calls that get the same body get the same bytes.
  let written: { readonly body: HealthBody; readonly bytes: Buffer } | null = null;
  server.get("/api/admin/database-health", QUIET, async (_request, reply) => {
    const body = await health.body();
    if (written?.body !== body) written = { body, bytes: Buffer.from(JSON.stringify(body)) };
    return reply
      .code(httpStatusOf(body.status))
      .header("cache-control", "no-store")
      .type("application/health+json; charset=utf-8")
      .send(written.bytes);
  });
}
