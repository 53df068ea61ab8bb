import type { Sizes } from "../observability/rules.ts";
import { connectionPath } from "./budget/connection-path.ts";
import { kitDeployment } from "./budget/deployment.ts";
import type { Sizing, SizingInput } from "./sizing.ts";

/** What the alerts' thresholds follow from: every pool with its own size and timeout, as PgBouncer resolves them. Pure. */
export function alertSizes(input: SizingInput, sizing: Sizing, hasApplicationMetrics: boolean): Sizes {
  const { pools } = connectionPath(input, sizing, kitDeployment);
  return {
    pools: pools.map(({ database, user, size, queryWait, isApplications }) => ({
      database,
      user,
      poolSize: size.value,
      queryWaitTimeoutSeconds: queryWait.value,
      // Whoever uses another entry has a pool and a patience of their own.
      poolTimeoutSeconds: isApplications ? sizing.sizes.poolTimeoutSeconds : 0,
    })),
    hasApplicationMetrics,
  };
}
