import { collectDefaultMetrics, Histogram, Registry } from "@prometheus-io/client";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { METRICS, type MetricName } from "./catalogue.ts";
import type { Family } from "./family.ts";

/** Upper bounds in seconds, as OpenTelemetry advises for http.server.request.duration. */
const HTTP_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** Gauges named like counters and metrics named after their type: promtool objects, and other ones say the same. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
  "nodejs_eventloop_utilization_summary",
  "nodejs_eventloop_utilization_histogram",
];

/** The library's metrics of the process and of Node (event loop, heap, garbage collection). Begins to measure them. */
export function processRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}

const LAG_SINCE_LAST_SCRAPE = /^nodejs_eventloop_lag_(min|max|mean|stddev|p\d+)_seconds$/;

/**
 * What the library has measured. Its clock of the event loop ticks every 10 ms and begins anew with every scrape: for one
 * that comes sooner there is no lag, and the library would say NaN and 9223372036 s.
 */
export async function measuredIn(registry: Registry): Promise<Family[]> {
  const families: Family[] = await registry.getMetricsAsJSON();
  const isLagKnown = families.every(({ values }) => values.every(({ value }) => !Number.isNaN(value)));
  return isLagKnown ? families : families.filter(({ name }) => !LAG_SINCE_LAST_SCRAPE.test(name));
}

/** Measures every request of `server` by the template of its route, so that no address makes a series of its own. */
export function measureRequests(server: FastifyInstance, registry: Registry): void {
  const name: MetricName = "http_server_request_duration_seconds";
  const { help, labels } = METRICS[name];
  const durations = new Histogram({
    name,
    help,
    labelNames: labels,
    buckets: HTTP_BOUNDS,
    registers: [registry],
  });
  const observe = ({ method, routeOptions: { url } }: FastifyRequest, reply: FastifyReply) =>
    durations.observe(
      {
        http_request_method: METHODS.has(method) ? method : "_OTHER",
        // No route, no label: as OpenTelemetry has it for addresses that nobody serves, and for answers that nobody got.
        ...(url !== undefined && { http_route: url }),
        ...(reply.raw.headersSent && { http_response_status_code: reply.statusCode }),
      },
      reply.elapsedTime / 1000,
    );
  server.addHook("onRequest", (request, reply, done) => {
    // Not "onResponse": that is for answers only, and who has waited for too long goes away without one.
    reply.raw.once("close", () => observe(request, reply));
    done();
  });
}
