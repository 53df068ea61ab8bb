import type { Registry } from "@prometheus-io/client";
import type { Config } from "../config/config.ts";
import type { OperationTime } from "../database/operation-times.ts";
import type { PoolState } from "../database/pool-state.ts";
import { buildInfo } from "../generated/build-info.ts";
import type { RequestCounts } from "../health/health.ts";
import type { WorkCounts } from "../processing/work-counts.ts";
import { databaseMetrics } from "./database-metrics.ts";
import { type Family, single } from "./family.ts";
import { measuredIn } from "./process-metrics.ts";
import { workMetrics } from "./work-metrics.ts";

/** What a scrape reads, always as it is now. */
export interface MetricsSources {
  config(): Config;
  configurationError(): string | null;
  pool(): PoolState;
  operations(): readonly OperationTime[];
  requests(): RequestCounts;
  work(): WorkCounts;
  importsRunning(): number;
  logLinesLeftOut(): number;
  /** The process's own metrics and those of HTTP. */
  readonly registry: Registry;
}

/** All metrics of the process. Asks nobody: no connection is opened for a scrape. */
export async function collectMetrics(sources: MetricsSources): Promise<Family[]> {
  const pool = sources.pool();
  const { stack, preset } = sources.config();
  const { version, releaseId: release_id } = buildInfo;
  return [
    ...databaseMetrics(pool, sources.operations()),
    ...workMetrics(sources.work(), sources.importsRunning()),
    single("http_server_active_requests", sources.requests().underWay),
    single("poolkit_log_lines_left_out_total", sources.logLinesLeftOut()),
    single("poolkit_config_last_reload_successful", sources.configurationError() === null ? 1 : 0),
    single("poolkit_app_info", 1, { version, release_id, stack, preset, mode: pool.mode }),
    ...(await measuredIn(sources.registry)),
  ];
}
