import type { Sizes } from "../observability/rules.ts";
import { connectionPath } from "./budget/connection-path.ts";
import { kitDeployment } from "./budget/deployment.ts";
import type { Sizing, SizingInput } from "./sizing.ts";

/** What the alerts' thresholds follow from: the application's own pool, as PgBouncer resolves it. Pure. */
export function alertSizes(input: SizingInput, sizing: Sizing, hasApplicationMetrics: boolean): Sizes {
  const { pools } = connectionPath(input, sizing, kitDeployment);
  const pool = pools.find(({ isApplications }) => isApplications);
  return {
    queryWaitTimeoutSeconds: pool?.queryWait.value ?? 0,
    poolTimeoutSeconds: sizing.sizes.poolTimeoutSeconds,
    poolSize: pool?.size.value ?? 0,
    hasApplicationMetrics,
  };
}
