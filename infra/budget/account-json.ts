import type { Problem } from "../../pgbouncer/values.ts";
import { type Budget, sumText } from "./budget.ts";
import { type Check, holds, total } from "./check.ts";
import type { RoleLimits } from "./server-checks.ts";

/** JSON has no infinity. */
type Amount = number | "no limit";

/** One inequality: `used` must stay at or below `limit`, and who adds up to them. */
export interface CheckJson {
  readonly about: string;
  readonly severity: Check["severity"];
  readonly holds: boolean;
  readonly left: string;
  readonly used: Amount;
  readonly relation: Check["relation"];
  readonly limit: Amount;
  readonly right: string;
  readonly unit: string;
}

/** The whole account as plain JSON. */
export interface AccountJson {
  readonly problems: readonly Problem[];
  readonly advice: readonly Problem[];
  /** By id: the same for the same question under another configuration. */
  readonly checks: Readonly<Record<string, CheckJson>>;
  /** CONNECTION LIMIT of the roles. */
  readonly roleLimits: RoleLimits;
}

/** For `poolkit budget --json` and for the stack's output `budget`. */
export function accountJson({ checks, problems, advice, roleLimits }: Budget): AccountJson {
  return { problems, advice, checks: Object.fromEntries(checks.map(checkJson)), roleLimits };
}

function checkJson(check: Check): [string, CheckJson] {
  const { id, about, severity, left, relation, right, unit } = check;
  return [
    id,
    {
      about,
      severity,
      holds: holds(check),
      left: sumText(left),
      used: amount(total(left)),
      relation,
      limit: amount(total(right)),
      right: sumText(right),
      unit,
    },
  ];
}

function amount(value: number): Amount {
  return Number.isFinite(value) ? value : "no limit";
}
