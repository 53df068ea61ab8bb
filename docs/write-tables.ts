import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dashboardJson } from "../observability/dashboard.ts";
import { tables, withTable } from "./tables.ts";

writeFileSync(join(import.meta.dirname, "../observability/grafana-dashboard.json"), dashboardJson());
for (const [name, { file, render }] of Object.entries(tables)) {
  const path = join(import.meta.dirname, "..", file);
  writeFileSync(path, withTable(readFileSync(path, "utf8"), name, render()));
}
