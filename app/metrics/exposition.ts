import { type OpenMetricsContentType, type PrometheusContentType, Registry } from "@prometheus-io/client";
import type { Family } from "./family.ts";

type Format = PrometheusContentType | OpenMetricsContentType;

/** The format for an Accept header: OpenMetrics for who names it, else Prometheus' text, which everybody reads. */
export function formatFor(accept: string | undefined): Format {
  return accept?.includes("application/openmetrics-text") === true
    ? Registry.OPENMETRICS_CONTENT_TYPE
    : Registry.PROMETHEUS_CONTENT_TYPE;
}

/** The text of a scrape. Each one has a registry of its own, so that two formats at the same time do not mix. */
export async function exposition(families: readonly Family[], format: Format): Promise<string> {
  const registry = Registry.aggregate([families.map((family) => printable(family, format))]);
  registry.setContentType(format);
  return await registry.metrics();
}

/** OpenMetrics names a counter without the end that the library adds to its lines, and calls untyped unknown. */
function printable(family: Family, format: Format) {
  const isOpenMetrics = format === Registry.OPENMETRICS_CONTENT_TYPE;
  const isCounter = family.type === "counter";
  return {
    ...family,
    name: isOpenMetrics && isCounter ? family.name.replace(/_total$/, "") : family.name,
    type: isOpenMetrics && family.type === "untyped" ? "unknown" : family.type,
    aggregator: "first",
  };
}
