import { beforeAll, describe, expect, it } from "vitest";
import { type Registered, registeredResources } from "../support/program.ts";

let registered: Registered[];

beforeAll(async () => {
  registered = await registeredResources({
    "poolkit:preset": "prod",
    "poolkit:secretSeed": "s".repeat(40),
    "poolkit:observability": "true",
    "poolkit:application": JSON.stringify({ image: "shop:1" }),
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

  it("asks the exporters only: it knows nothing of that application's metrics", () => {
    const config = registered.find(({ type }) => type === "poolkit:index:PrometheusConfig");
    const files = JSON.stringify(config?.inputs.files);
    expect(files).toContain("job_name: pgbouncer");
    expect(files).not.toContain("job_name: app");
    expect(files).not.toContain("metrics-token");
    expect(files).not.toContain("CircuitBreakerOpen");
  });
});
