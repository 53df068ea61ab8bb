import { usedConnections } from "../database/pool-state.ts";
import type { ProbeResult } from "../database/probe-connection.ts";
import type { CauseName } from "./health-causes.ts";
import type { Observation } from "./health-observation.ts";
import type { PgBouncerPool } from "./health-probes.ts";
import type { Verdict } from "./health-verdict.ts";

/** One entry of `checks`, as in draft-inadarei-api-health-check-06 section 4. */
interface Check {
  readonly componentId: string;
  readonly componentType: "datastore" | "component";
  readonly observedValue?: number;
  readonly observedUnit?: string;
  readonly status: "pass" | "warn" | "fail";
  readonly time: string;
  readonly output?: string;
}

type FailedProbe = Extract<ProbeResult<unknown>, { readonly ok: false }>;
type Figure = Required<Pick<Check, "observedValue" | "observedUnit" | "time">>;

/** The draft's list of checks: `component:measurement`, each with its figure, or with why there is none. */
export function checksOf(seen: Observation, verdict: Verdict, now: string): Record<string, Check[]> {
  const { path, postgres, pgbouncer, disk, pool } = seen;
  const checks: Record<string, Check[]> = {
    "pgbouncer:responseTime": [responseTime("pgbouncer", path)],
  };
  if (postgres !== null) {
    checks["postgres:responseTime"] = [responseTime("postgres", postgres)];
    checks["postgres:connections"] = [connections("postgres", postgres, (report) => report.usedConnections)];
  }
  if (pgbouncer !== null) {
    checks["pgbouncer:connections"] = [
      connections("pgbouncer", pgbouncer, (report) => clientsOf(report.pools)),
    ];
    checks["pgbouncer:utilization"] = [
      pgbouncer.ok
        ? {
            ...passed("pgbouncer", pgbouncer),
            observedValue: busiest(pgbouncer.report.pools),
            observedUnit: "percent",
            ...exhaustedAs("pgbouncer_pool_exhausted", verdict),
          }
        : failedCheck("pgbouncer", pgbouncer),
    ];
  }
  if (disk !== null) {
    checks["postgres:write"] = [disk.ok ? passed("postgres", disk) : failedCheck("postgres", disk)];
  }
  const ofPool = (figure: Omit<Figure, "time">): Check => ({
    componentId: "pool",
    componentType: "component",
    ...figure,
    status: "pass",
    time: now,
    ...exhaustedAs("app_pool_exhausted", verdict),
  });
  // Enhanced mode: open connections. Standard mode: statements and transactions under way, which is what we know.
  checks["pool:connections"] = [
    pool.counts === null
      ? ofPool({ observedValue: pool.running, observedUnit: "statements" })
      : ofPool({ observedValue: pool.counts.totalCount, observedUnit: "connections" }),
  ];
  checks["pool:utilization"] = [
    ofPool({ observedValue: percent(usedConnections(pool), pool.limit), observedUnit: "percent" }),
  ];
  return checks;
}

/** What a pool's checks say where the verdict is that this pool is exhausted. */
function exhaustedAs(cause: CauseName, verdict: Verdict): Partial<Pick<Check, "status" | "output">> {
  if (verdict.cause !== cause) return {};
  return { status: verdict.status, ...(verdict.output !== null && { output: verdict.output }) };
}

function clientsOf(pools: readonly PgBouncerPool[]): number {
  return pools.reduce((sum, { cl_active, cl_waiting }) => sum + cl_active + cl_waiting, 0);
}

/** Server connections in use of the pool that uses most of its own; above 100 where the reserve is in use, too. */
function busiest(pools: readonly PgBouncerPool[]): number {
  return Math.max(0, ...pools.map(({ sv_active, poolSize }) => percent(sv_active, poolSize ?? 0)));
}

function percent(used: number, of: number): number {
  return of === 0 ? 0 : Math.round((100 * used) / of);
}

function responseTime(componentId: string, result: ProbeResult<{ readonly latencyMs: number }>): Check {
  return result.ok
    ? { ...passed(componentId, result), observedValue: result.report.latencyMs, observedUnit: "ms" }
    : failedCheck(componentId, result);
}

function connections<Report>(
  componentId: string,
  result: ProbeResult<Report>,
  countOf: (report: Report) => number,
): Check {
  return result.ok
    ? { ...passed(componentId, result), observedValue: countOf(result.report), observedUnit: "connections" }
    : failedCheck(componentId, result);
}

function passed(componentId: string, { time }: { readonly time: string }): Check {
  return { componentId, componentType: "datastore", time, status: "pass" };
}

function failedCheck(componentId: string, { failure, time }: FailedProbe): Check {
  const output = `probe failed: ${failure}`;
  return { componentId, componentType: "datastore", time, status: "fail", output };
}
