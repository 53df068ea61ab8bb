import type { HistogramSnapshot } from "../database/histogram.ts";
import { METRICS, type MetricDefinition, type MetricName } from "./catalogue.ts";

export type Labels = Readonly<Partial<Record<string, string | number>>>;

/** One line of a scrape. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Where the line has another name than its family: the parts of a histogram. */
  readonly metricName?: string;
}

/** A metric with its values: what @prometheus-io/client calls the metric as an object. */
export interface Family {
  readonly name: string;
  readonly help: string;
  /** Summaries come from nobody here, but the library knows them. */
  readonly type: MetricDefinition["type"] | "summary";
  readonly values: readonly Sample[];
}

export function family(name: MetricName, values: readonly Sample[]): Family {
  const { help, type } = METRICS[name];
  return { name, help, type, values };
}

/** A metric with one value. */
export function single(name: MetricName, value: number, labels: Labels = {}): Family {
  return family(name, [{ labels, value }]);
}

/** A histogram's lines, for each of its label sets. */
export function histograms(
  name: MetricName,
  snapshots: readonly { readonly labels: Labels; readonly snapshot: HistogramSnapshot }[],
): Family {
  return family(
    name,
    snapshots.flatMap(({ labels, snapshot: { buckets, count, sum } }) => [
      ...buckets.map(({ le, count: value }) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le },
        value,
      })),
      { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]),
  );
}
