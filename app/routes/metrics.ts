import type { FastifyInstance } from "fastify";
import { QUIET } from "../log/quiet-log.ts";
import { exposition, formatFor } from "../metrics/exposition.ts";
import { collectMetrics, type MetricsSources } from "../metrics/metrics.ts";

/** `GET /metrics` in Prometheus' text format, or in OpenMetrics for who asks for it (registered behind the token check). */
export function registerMetrics(server: FastifyInstance, sources: MetricsSources): void {
  server.get("/metrics", QUIET, async (request, reply) => {
    const format = formatFor(request.headers.accept);
    const text = await exposition(await collectMetrics(sources), format);
    return reply.header("cache-control", "no-store").type(format).send(text);
  });
}
