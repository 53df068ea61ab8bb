import type { Problem } from "../../pgbouncer/values.ts";
import { resolveSizing, type Sizing, type SizingInput } from "../sizing.ts";
import { type Check, holds, type Term, total } from "./check.ts";
import { clientChecks } from "./client-checks.ts";
import { connectionPath } from "./connection-path.ts";
import { type Deployment, kitDeployment } from "./deployment.ts";
import { modeAdvice, modeProblems } from "./mode-problems.ts";
import { resourceChecks } from "./resource-checks.ts";
import { type RoleLimits, roleLimits, serverChecks } from "./server-checks.ts";
import { type Fix, smallestFix } from "./smallest-fix.ts";
import { timeoutChecks } from "./timeout-checks.ts";

/** The account of one configuration: every inequality of the path, and what to do about those that do not hold. */
export interface Budget {
  readonly checks: readonly Check[];
  /** What refuses the configuration. */
  readonly problems: readonly Problem[];
  /** Rules of thumb that it breaks. */
  readonly advice: readonly Problem[];
  /** CONNECTION LIMIT of the roles. */
  readonly roleLimits: RoleLimits;
}

/** Everything at once: values on their own, then whether they fit together. Pure. */
export function budgetOf(
  input: SizingInput,
  deployment: Deployment = kitDeployment,
): { readonly sizing: Sizing; readonly budget: Budget; readonly problems: readonly Problem[] } {
  const { sizing, problems } = resolveSizing(input);
  const path = connectionPath(input, sizing, deployment);
  const checks = checksOf(input, sizing, deployment);
  const failing = (wanted: SizingInput) => failingChecks(wanted, deployment);
  // With refused values in it the account would be one of a stack that nobody asked for.
  const failed = problems.length > 0 ? [] : checks.filter((check) => !holds(check));
  const told = (severity: Check["severity"]) =>
    failed
      .filter((check) => check.severity === severity)
      .map((check) => problemOf(check, smallestFix(input, check, failing)));
  const budget = {
    checks,
    problems: [...modeProblems(path), ...told("refuse")],
    advice: [...modeAdvice(path), ...told("advise")],
    roleLimits: roleLimits(path),
  };
  return { sizing, budget, problems };
}

function checksOf(input: SizingInput, sizing: Sizing, deployment: Deployment): Check[] {
  const path = connectionPath(input, sizing, deployment);
  return [...clientChecks(path), ...serverChecks(path), ...resourceChecks(path), ...timeoutChecks(path)];
}

/** Ids of the inequalities that do not hold. */
export function failingChecks(
  input: SizingInput,
  deployment: Deployment = kitDeployment,
): ReadonlySet<string> {
  const checks = checksOf(input, resolveSizing(input).sizing, deployment);
  return new Set(checks.filter((check) => !holds(check)).map(({ id }) => id));
}

/** Those of them that refuse the configuration. */
export function refusedChecks(input: SizingInput): ReadonlySet<string> {
  const checks = checksOf(input, resolveSizing(input).sizing, kitDeployment);
  return new Set(checks.filter((check) => check.severity === "refuse" && !holds(check)).map(({ id }) => id));
}

function problemOf(check: Check, fix: Fix | undefined): Problem {
  // The setting that the user touched is the one to name; else the one that mends it.
  const own = check.knobs.find(({ figure }) => figure.isUsers)?.figure.path;
  const path = own ?? fix?.path ?? check.knobs[0]?.figure.path ?? "preset";
  return {
    path: `poolkit:${path}`,
    found: `${sumText(check.left)} ${check.unit} (${check.about})`,
    allowed: `${check.relation === "<" ? "less than" : "at most"} ${sumText(check.right)} ${check.unit}; else: ${check.otherwise}`,
    fix:
      fix === undefined
        ? `lower what the left side adds up, e.g. poolkit:${path}; no single setting mends it`
        : `${withoutSetting(fix)}pulumi config set --path poolkit:${fix.path} ${fix.value}`,
  };
}

/** What has to be done before a setting may say so. */
function withoutSetting({ path, value }: Fix): string {
  return path === "budget.hostMegabytes" ? `give the machine ${value} MiB, then ` : "";
}

/** `2 x 20 (a) + 3 (b) = 43`; one term without its sum. */
export function sumText(terms: readonly Term[]): string {
  const parts = terms.map(({ what, value }, index) => {
    const sign = index === 0 ? "" : value < 0 ? "- " : "+ ";
    return `${sign}${number(index === 0 ? value : Math.abs(value))} (${what})`;
  });
  return terms.length < 2 ? parts.join("") : `${parts.join(" ")} = ${number(total(terms))}`;
}

export function number(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value * 1000) / 1000) : "no limit";
}
