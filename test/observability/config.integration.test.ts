import { describe, expect, it } from "vitest";
import { prometheusYaml } from "../../observability/config.ts";
import { engineAvailable } from "../support/postgres18.ts";
import { promtool } from "../support/promtool.ts";

/** As long as names and values may be, and with every sign that they may have. */
const further = {
  name: `a${"-1_".repeat(20)}`,
  targets: ["probes.example:9115", "[2001:db8::7]:65535", "blackbox_exporter:1"],
  metricsPath: "/a/b-c_d.e%20",
  scheme: "https" as const,
  params: {
    "collect[]": ["cpu", "disk"],
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~": ["yes", "0x10", "a: b # c", "{{ $x }}", "$HOME", ""],
  },
};

describe.skipIf(!(await engineAvailable()))("prometheus.yml", () => {
  it("is one that Prometheus takes, with whatever poolkit:scrape allows", async () => {
    const own = { app: undefined, pgbouncer: "pgbouncer-exporter:9127", postgres: "postgres-exporter:9187" };
    const files = { "prometheus.yml": prometheusYaml(own, { stack: "prod" }, [further]) };
    const { code, text } = await promtool(["check", "config", "prometheus.yml"], { files });
    expect(code, text).toBe(0);
  });
});
