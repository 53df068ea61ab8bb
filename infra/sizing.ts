import { nearest } from "../pgbouncer/nearest.ts";
import type { PgBouncerIni } from "../pgbouncer/render.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { type BudgetOptions, readBudgetOptions } from "./budget/options.ts";
import { type Given, isObject } from "./given.ts";
import { applyOverrides } from "./overrides.ts";
import { readPgBouncer } from "./pgbouncer-input.ts";
import { pgbouncerPreset } from "./pooler-settings.ts";
import { assumedDatabaseCores, type Preset, type PresetName, presetNames, presets } from "./presets.ts";
import { shown } from "./problem-text.ts";

/** What a stack's configuration says about sizes and timeouts, unchecked. */
export interface SizingInput {
  readonly presetName: PresetName;
  readonly databaseName: string;
  readonly overrides: Given;
  readonly pgbouncer: Given;
  readonly budget: Given;
  /** `poolkit:application`; empty for the reference application. Only its numbers count here. */
  readonly application: Given;
  /** `poolkit:observability`. */
  readonly observability: boolean;
}

/** The same, resolved: preset under overrides, the whole `pgbouncer.ini`. */
export interface Sizing {
  /** The preset with the user's overrides laid over it. */
  readonly sizes: Preset;
  readonly pgbouncer: PgBouncerIni;
  readonly options: BudgetOptions;
  /** Whether exporters connect to PgBouncer and Postgres, and Prometheus asks them. */
  readonly observability: boolean;
}

/** Resolves and checks each value on its own; whether they fit together is the budget's question. Pure. */
export function resolveSizing(input: SizingInput): { readonly sizing: Sizing; readonly problems: Problem[] } {
  const overridden = applyOverrides(presets[input.presetName], input.overrides);
  const { observability } = input;
  const layers = { preset: pgbouncerPreset(overridden.values), observability };
  const pgbouncer = readPgBouncer(input.pgbouncer, layers, input.databaseName);
  const budget = readBudgetOptions(input.budget, assumedDatabaseCores[input.presetName]);
  return {
    sizing: { sizes: overridden.values, pgbouncer: pgbouncer.ini, options: budget.options, observability },
    problems: [...overridden.problems, ...pgbouncer.problems, ...budget.problems],
  };
}

/**
 * Reads the sizing from raw configuration values: key without `poolkit:` → text, objects as JSON, as Pulumi keeps them.
 * A preset that does not exist is reported, and the nearest one is used for everything else.
 */
export function readSizingInput(
  raw: (key: string) => string | undefined,
  stack: string,
): { readonly input: SizingInput; readonly problems: Problem[] } {
  const problems: Problem[] = [];
  const input = {
    presetName: readPreset(raw("preset") ?? "", stack, problems),
    databaseName: readDatabaseName(raw("databaseName") ?? "poolkit", problems),
    overrides: readObject(raw, "overrides", problems),
    pgbouncer: readObject(raw, "pgbouncer", problems),
    budget: readObject(raw, "budget", problems),
    // Whether it is one that can be run is the question of readApplication, which tells its problems.
    application: readObject(raw, "application", []),
    observability: readSwitch(raw, "observability", problems),
  };
  return { input, problems };
}

/** A configuration value that must be an object; absent means empty. */
export function readObject(
  raw: (key: string) => string | undefined,
  key: string,
  problems: Problem[],
): Record<string, unknown> {
  const value = parsed(raw(key) ?? "{}");
  if (isObject(value)) return { ...value };
  problems.push({
    path: `poolkit:${key}`,
    found: shown(value),
    allowed: "an object of names and values",
    fix: `pulumi config rm poolkit:${key}`,
  });
  return {};
}

/** A configuration value that is true or false; absent means false. Pulumi keeps it as text. */
export function readSwitch(
  raw: (key: string) => string | undefined,
  key: string,
  problems: Problem[],
): boolean {
  const text = raw(key) ?? "false";
  if (text !== "true" && text !== "false") {
    problems.push({
      path: `poolkit:${key}`,
      found: shown(text),
      allowed: "true or false",
      fix: `pulumi config rm poolkit:${key}`,
    });
  }
  return text === "true";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readPreset(configured: string, stack: string, problems: Problem[]): PresetName {
  const wanted = configured === "" ? stack : configured;
  const preset = presetNames.find((name) => name === wanted);
  if (preset !== undefined) {
    return preset;
  }
  const meant = presetNames.find((name) => name === nearest(wanted, presetNames)) ?? "dev";
  problems.push({
    path: "poolkit:preset",
    found: configured === "" ? `nothing, and the stack's name ${shown(stack)} is no preset` : shown(wanted),
    allowed: presetNames.join(", "),
    fix: `pulumi config set poolkit:preset ${meant}`,
  });
  return meant;
}

const otherDatabases = ["postgres", "template0", "template1", "pgbouncer"];
/** Words that mean other than a database of that name in pg_hba.conf. */
const hbaKeywords = ["all", "replication", "samegroup", "samerole", "sameuser"];

/** Unquoted SQL identifiers only: the name travels through URLs, PgBouncer's ini and SQL. */
function readDatabaseName(name: string, problems: Problem[]): string {
  const reserved = [...otherDatabases, ...hbaKeywords];
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name) && !reserved.includes(name)) {
    return name;
  }
  problems.push({
    path: "poolkit:databaseName",
    found: shown(name),
    allowed: `1 to 63 lower-case letters, digits and underscores, not a digit first; not ${reserved.join(", ")}`,
    fix: "pulumi config set poolkit:databaseName poolkit",
  });
  return "poolkit";
}
