import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { prometheusYaml, type ScrapeJob } from "../../observability/config.ts";

const app = { address: "app:3000", token: "canary-metrics-token" };
const own = { app, pgbouncer: "pgbouncer-exporter:9127", postgres: "postgres-exporter:9187" };
const labels = { stack: "prod" };
const jobsOf = (further?: readonly ScrapeJob[]): unknown =>
  parse(prometheusYaml(own, labels, further)).scrape_configs;

const probe: ScrapeJob = {
  name: "certificate",
  targets: ["probes.example:9115", "[2001:db8::7]:9115"],
  metricsPath: "/probe",
  scheme: "https",
  params: { module: ["http_2xx"], target: ["https://shop.example"] },
};

describe("prometheus.yml", () => {
  it("asks further jobs after the stack's own, each with the stack's label, as they are told", () => {
    const plain = { name: "backup", targets: ["db.example:9854"], metricsPath: "/metrics", params: {} };
    expect(jobsOf([probe, { ...plain, scheme: "http" }])).toEqual([
      ...(jobsOf() as object[]),
      {
        job_name: "certificate",
        scheme: "https",
        metrics_path: "/probe",
        params: { module: ["http_2xx"], target: ["https://shop.example"] },
        static_configs: [{ targets: ["probes.example:9115", "[2001:db8::7]:9115"], labels }],
      },
      {
        job_name: "backup",
        scheme: "http",
        metrics_path: "/metrics",
        params: {},
        static_configs: [{ targets: ["db.example:9854"], labels }],
      },
    ]);
  });

  it("gives the token of the application's metrics to nobody else", () => {
    const jobs = jobsOf([probe]) as { job_name: string; authorization?: object }[];
    const authorized = jobs.filter(({ authorization }) => authorization);
    expect(authorized).toMatchObject([{ job_name: "app", authorization: { credentials: app.token } }]);
    expect(JSON.stringify(jobs).split(app.token)).toHaveLength(2);
  });

  it("takes texts for texts, whatever they look like", () => {
    const params = { target: ["yes", "0x10", "a: b # c", "{{ $x }}", "$HOME"] };
    expect(jobsOf([{ ...probe, params }])).toContainEqual(expect.objectContaining({ params }));
  });
});
