import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dashboardJson } from "../../observability/dashboard.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const { panels } = JSON.parse(dashboardJson()) as { readonly panels: readonly Panel[] };

describe("the dashboard", () => {
  it("is the file that people import (else: npm run docs)", () => {
    const file = join(import.meta.dirname, "../../observability/grafana-dashboard.json");
    expect(readFileSync(file, "utf8")).toBe(dashboardJson());
  });

  it("gives every panel a number, and every line of a panel a letter of its own", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { title, targets = [] } of panels) {
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    }
  });

  it("covers no panel with another one, within Grafana's 24 columns", () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(Number.isInteger(w)).toBe(true);
      expect(x + w).toBeLessThanOrEqual(24);
      const columns = Array.from({ length: w }, (_, column) => x + column);
      return columns.flatMap((column) => Array.from({ length: h }, (_, row) => `${column}/${y + row}`));
    });
    expect(new Set(cells).size).toBe(cells.length);
  });

  const selectors = panels
    .flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => expr.match(/\w+\{[^}]*\}/g) ?? [""]))
    .filter((selector) => selector !== 'up{stack="$stack"}');

  it("asks for the chosen stack only, in every expression", () => {
    expect(selectors.length).toBeGreaterThan(20);
    for (const selector of selectors) expect(selector).toContain('{stack="$stack",');
  });

  it("counts servers as idle that PgBouncer would check before use", () => {
    const servers = panels.find(({ title }) => title === "Servers");
    expect(servers?.targets?.map(({ expr }) => expr.match(/\w+(?=\{)/g))).toContainEqual([
      "pgbouncer_pools_server_idle_connections",
      "pgbouncer_pools_server_used_connections",
    ]);
  });

  it("asks the stack's own targets, and no other PgBouncer that Prometheus looks at", () => {
    for (const selector of selectors) {
      const owner = /^(pgbouncer|pg)_/.exec(selector)?.[1];
      const job = owner === undefined ? "app" : owner === "pg" ? "postgres" : "pgbouncer";
      expect(selector).toContain(`,job="${job}"`);
    }
  });
});
