import * as pulumi from "@pulumi/pulumi";
import { mergePgBouncerSettings, type SettingValue } from "../pgbouncer/merge.ts";
import { nearest } from "../pgbouncer/nearest.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { type OwnApplication, readApplication } from "./application.ts";
import { applyOverrides, unknownKey } from "./overrides.ts";
import { type PoolLimits, poolLimits } from "./pool-limits.ts";
import { pgbouncerPreset } from "./pooler-settings.ts";
import {
  defaultPorts,
  type HostPorts,
  type Preset,
  type PresetName,
  presetNames,
  presets,
} from "./presets.ts";
import { shown, throwProblems } from "./problems.ts";

/** The stack's configuration, checked: nothing further down looks at pulumi.Config or asks whether a value is there. */
export interface StackConfig {
  readonly stack: string;
  readonly presetName: PresetName;
  /** The preset with the user's overrides laid over it. */
  readonly sizes: Preset;
  /** The whole [pgbouncer] section: forced > user > preset > our default. */
  readonly pgbouncerSettings: Readonly<Record<string, string>>;
  /** The limits of the path, for the stack's output. */
  readonly poolLimits: PoolLimits;
  readonly ports: HostPorts;
  readonly databaseName: string;
  readonly baseImage: string;
  /** The user's own application; undefined = the reference application. */
  readonly application: OwnApplication | undefined;
  readonly secretSeed: pulumi.Output<string>;
  /** `docker:host`; unset = DOCKER_HOST, else the default socket. */
  readonly dockerHost: string | undefined;
}

const keys = [
  "preset",
  "overrides",
  "pgbouncer",
  "ports",
  "databaseName",
  "baseImage",
  "application",
  "secretSeed",
] as const;

const minimumSeedLength = 32;

/** Reads and checks the whole configuration; throws one RunError that lists every problem. The only reader of pulumi.Config. */
export function readConfig(): StackConfig {
  const stack = pulumi.getStack();
  const config = new pulumi.Config("poolkit");
  const problems: Problem[] = [...unknownKeys()];

  const presetName = readPreset(config.get("preset") ?? "", stack, problems);
  const overridden = applyOverrides(presets[presetName], object(config, "overrides", problems));
  problems.push(...overridden.problems);
  const merged = mergePgBouncerSettings({
    preset: pgbouncerPreset(overridden.values),
    user: settingValues(object(config, "pgbouncer", problems), problems),
  });
  problems.push(...merged.problems.map((problem) => ({ ...problem, path: `poolkit:${problem.path}` })));
  const ports = readPorts(object(config, "ports", problems), problems);
  const databaseName = readDatabaseName(config.get("databaseName") ?? "poolkit", problems);
  const baseImage = readBaseImage(config.get("baseImage") ?? "debian:forky-slim", problems);
  const application = readApplication(config.getObject("application"), problems);
  problems.push(...seedProblems("poolkit:secretSeed"));

  throwProblems(stack, problems);
  return Object.freeze({
    stack,
    presetName,
    sizes: overridden.values,
    pgbouncerSettings: merged.settings,
    poolLimits: poolLimits(overridden.values, merged.settings),
    ports,
    databaseName,
    baseImage,
    application,
    secretSeed: config.requireSecret("secretSeed"),
    dockerHost: new pulumi.Config("docker").get("host"),
  });
}

function unknownKeys(): Problem[] {
  const names = Object.keys(pulumi.runtime.allConfig()).filter((key) => key.startsWith("poolkit:"));
  const unknown = names.map((key) => key.slice("poolkit:".length)).filter((name) => !isKey(name));
  return unknown.map((name) => unknownKey(`poolkit:${name}`, name, keys));
}

function isKey(name: string): boolean {
  return keys.some((key) => key === name);
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

function object(
  config: pulumi.Config,
  key: "overrides" | "pgbouncer" | "ports",
  problems: Problem[],
): Record<string, unknown> {
  const value: unknown = config.getObject(key) ?? {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { ...value };
  }
  problems.push({
    path: `poolkit:${key}`,
    found: shown(value),
    allowed: "an object of names and values",
    fix: `pulumi config rm poolkit:${key}`,
  });
  return {};
}

function settingValues(user: Record<string, unknown>, problems: Problem[]): Record<string, SettingValue> {
  const values: Record<string, SettingValue> = {};
  for (const [name, value] of Object.entries(user)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      values[name] = value;
    } else {
      problems.push({
        path: `poolkit:pgbouncer.${name}`,
        found: shown(value),
        allowed: "a text, a number, true or false",
        fix: `pulumi config rm --path 'poolkit:pgbouncer.${name}'`,
      });
    }
  }
  return values;
}

const portNames = ["app", "pgbouncer", "postgres"] as const;

function readPorts(user: Record<string, unknown>, problems: Problem[]): HostPorts {
  const ports = { ...defaultPorts };
  for (const [name, value] of Object.entries(user)) {
    const path = `poolkit:ports.${name}`;
    const known = portNames.find((port) => port === name);
    if (known === undefined) {
      problems.push(unknownKey(path, name, portNames));
    } else if (typeof value === "number" && Number.isInteger(value) && value >= 1024 && value <= 65_535) {
      ports[known] = value;
    } else {
      problems.push({
        path,
        found: shown(value),
        allowed: "a whole number from 1024 to 65535",
        fix: `pulumi config set --path ${path} ${defaultPorts[known]}`,
      });
    }
  }
  const used = portNames.map((name) => ports[name]);
  if (new Set(used).size < used.length) {
    problems.push({
      path: "poolkit:ports",
      found: portNames.map((name) => `${name} ${ports[name]}`).join(", "),
      allowed: "three different ports",
      fix: "pulumi config set --path poolkit:ports.app <a free port>",
    });
  }
  return ports;
}

/** Unquoted SQL identifiers only: the name travels through URLs, PgBouncer's ini and SQL. */
function readDatabaseName(name: string, problems: Problem[]): string {
  const reserved = ["postgres", "template0", "template1", "pgbouncer"];
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name) || reserved.includes(name)) {
    problems.push({
      path: "poolkit:databaseName",
      found: shown(name),
      allowed: `1 to 63 lower-case letters, digits and underscores, not a digit first; not ${reserved.join(", ")}`,
      fix: "pulumi config set poolkit:databaseName poolkit",
    });
  }
  return name;
}

function readBaseImage(image: string, problems: Problem[]): string {
  if (!/^[a-z0-9][a-zA-Z0-9._/:@-]{0,254}$/.test(image)) {
    problems.push({
      path: "poolkit:baseImage",
      found: shown(image),
      allowed: "an image reference such as debian:forky-slim or registry.example/debian@sha256:…",
      fix: "pulumi config set poolkit:baseImage debian:forky-slim",
    });
  }
  return image;
}

/** Never shows the value: only whether it is there, long enough and stored as a secret. */
function seedProblems(path: string): Problem[] {
  const length = pulumi.runtime.getConfig(path)?.length ?? 0;
  const plain = length > 0 && !isStoredAsSecret(path);
  if (length >= minimumSeedLength && !plain) {
    return [];
  }
  const setIt = `pulumi config set --secret ${path} "$(openssl rand -hex 32)"`;
  return [
    {
      path,
      found: length === 0 ? "nothing" : `${length} characters${plain ? ", stored in plain text" : ""}`,
      allowed: `at least ${minimumSeedLength} random characters, stored with --secret`,
      fix: `${setIt}; if the stack has data already, set the seed it was made with`,
    },
  ];
}

/** The language host tells in this variable which keys are encrypted in the stack's file; absent = it does not say. */
function isStoredAsSecret(path: string): boolean {
  const told = process.env.PULUMI_CONFIG_SECRET_KEYS;
  const secretKeys: unknown = told === undefined ? [path] : JSON.parse(told);
  return Array.isArray(secretKeys) && secretKeys.includes(path);
}
