import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type Registered, registeredResources } from "../support/program.ts";

let registered: Registered[];

beforeAll(async () => {
  registered = await registeredResources({
    "poolkit:preset": "prod",
    "poolkit:secretSeed": "s".repeat(40),
    "poolkit:observability": "true",
    "poolkit:application": JSON.stringify({ image: "shop:1" }),
    "poolkit:scrape": JSON.stringify({ shop: { targets: ["app:3000"] } }),
  });
});

describe("a stack with Prometheus and an application of one's own", () => {
  it("has three containers more, each with its image, and the exporter's role", () => {
    const counts = Map.groupBy(registered, ({ type }) => type);
    expect(Object.fromEntries([...counts].map(([type, found]) => [type, found.length]))).toMatchObject({
      "docker:index/container:Container": 6,
      "docker:index/remoteImage:RemoteImage": 6,
      "docker:index/volume:Volume": 6,
      "postgresql:index/role:Role": 4,
      "poolkit:index:PrometheusConfig": 1,
    });
  });

  it("asks the exporters and what it is told to: it knows nothing of that application's metrics", () => {
    const config = registered.find(({ type }) => type === "poolkit:index:PrometheusConfig");
    const files = JSON.stringify(config?.inputs.files);
    expect(files).not.toContain("authorization");
    expect(files).not.toContain("CircuitBreakerOpen");
    const { value } = Object(config?.inputs.files) as { value: Record<string, string> };
    expect(parse(value["prometheus.yml"] ?? "").scrape_configs).toMatchObject([
      { job_name: "pgbouncer" },
      { job_name: "postgres" },
      { job_name: "shop", static_configs: [{ targets: ["app:3000"], labels: { stack: "dev" } }] },
    ]);
  });
});
