import { allowedText as integerText, type Problem } from "../pgbouncer/values.ts";
import type { Preset } from "./presets.ts";
import { shown } from "./problem-text.ts";
import { unknownKey } from "./unknown-key.ts";

type Rule =
  | { readonly kind: "whole"; readonly min: number; readonly max: number; readonly unit: string }
  | { readonly kind: "boolean" };

const seconds = (min: number, max: number): Rule => ({ kind: "whole", min, max, unit: "seconds" });
const connections = (min: number, max: number): Rule => ({ kind: "whole", min, max, unit: "connections" });

/**
 * What `poolkit:overrides` may hold. A limit of 0 would mean "endless" to pg and PgBouncer, so 0 is allowed only where
 * it means none. Upper bounds are those of the containers (100 Postgres connections, 4096 descriptors).
 */
const rules: Readonly<Record<keyof Preset, Rule>> = Object.freeze({
  connectionLimit: connections(1, 1000),
  poolTimeoutSeconds: seconds(1, 600),
  enhancedPooling: { kind: "boolean" },
  maxClientConnections: connections(1, 3500),
  poolSize: connections(1, 90),
  reservePoolSize: connections(0, 90),
  maxDatabaseConnections: connections(1, 90),
  queryWaitTimeoutSeconds: seconds(1, 600),
  statementTimeoutSeconds: seconds(1, 86_400),
  idleInTransactionTimeoutSeconds: seconds(1, 86_400),
  lockTimeoutSeconds: seconds(1, 86_400),
  serverConnectTimeoutSeconds: seconds(1, 120),
  serverLoginRetrySeconds: seconds(1, 60),
  // PgBouncer takes 0 as "no reserve": that is `reservePoolSize` 0.
  reservePoolTimeoutSeconds: seconds(1, 600),
  transactionMaxWaitSeconds: seconds(1, 600),
  transactionTimeoutSeconds: seconds(1, 86_400),
  applicationIdleSeconds: seconds(1, 86_400),
  applicationLifetimeSeconds: seconds(60, 86_400),
  retryBudgetSeconds: seconds(0, 300),
  stopGraceSeconds: seconds(1, 600),
  protectData: { kind: "boolean" },
});

export const overrideNames = Object.keys(rules);

/** Lowest and highest value of an override; undefined for what is no number. */
export function overrideRange(name: string): { readonly min: number; readonly max: number } | undefined {
  const rule = Object.hasOwn(rules, name) ? rules[name as keyof Preset] : undefined;
  return rule?.kind === "whole" ? rule : undefined;
}

/** What may be overridden and how, for the documentation. */
export function overrideTable(): { name: keyof Preset; allowed: string }[] {
  const names = Object.keys(rules) as (keyof Preset)[];
  return names.map((name) => ({ name, allowed: allowedText(rules[name]) }));
}

/** Lays the user's values over the preset's. Refused values are reported and the preset's stay in their place. */
export function applyOverrides(preset: Preset, overrides: Readonly<Record<string, unknown>>) {
  const problems: Problem[] = [];
  const accepted: Record<string, number | boolean> = {};
  for (const [name, value] of Object.entries(overrides)) {
    const path = `poolkit:overrides.${name}`;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof Preset] : undefined;
    if (rule === undefined) {
      problems.push(unknownKey(path, name, overrideNames));
    } else if (fits(rule, value)) {
      accepted[name] = value;
    } else {
      problems.push({
        path,
        found: shown(value),
        allowed: allowedText(rule),
        fix: `pulumi config set --path ${path} ${preset[name as keyof Preset]}`,
      });
    }
  }
  return { values: { ...preset, ...accepted } as Preset, problems };
}

function fits(rule: Rule, value: unknown): value is number | boolean {
  if (rule.kind === "boolean") {
    return typeof value === "boolean";
  }
  return typeof value === "number" && Number.isInteger(value) && value >= rule.min && value <= rule.max;
}

function allowedText(rule: Rule): string {
  return rule.kind === "boolean" ? "true or false" : integerText({ type: "integer", ...rule });
}
