import { resolveSizing, type SizingInput } from "../sizing.ts";
import { refusedChecks } from "./budget.ts";
import { connectionPath } from "./connection-path.ts";
import { kitDeployment } from "./deployment.ts";
import { withFix } from "./smallest-fix.ts";

/**
 * The largest size of the application's pool, up to `wanted`, with which the account refuses nothing that it does not
 * refuse already; everything else as it is. Pure.
 */
export function allowedPoolSize(input: SizingInput, wanted: number): number {
  const { pools } = connectionPath(input, resolveSizing(input).sizing, kitDeployment);
  const size = pools.find(({ isApplications }) => isApplications)?.size;
  if (size === undefined) return wanted;
  const before = refusedChecks(input);
  const fits = (value: number) =>
    [...refusedChecks(withFix(input, { path: size.path, value }))].every((id) => before.has(id));
  let largest = Math.min(wanted, kitDeployment.limits.postgresMaxConnections);
  while (largest > size.value && !fits(largest)) largest -= 1;
  return largest;
}
