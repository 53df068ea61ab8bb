import * as pulumi from "@pulumi/pulumi";
import type { ScrapeJob } from "../observability/config.ts";
import type { Sizes } from "../observability/rules.ts";
import type { PgBouncerIni } from "../pgbouncer/render.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { alertSizes } from "./alert-sizes.ts";
import { type OwnApplication, readApplication } from "./application.ts";
import { type Budget, budgetOf } from "./budget/budget.ts";
import { type PoolLimits, poolLimits } from "./pool-limits.ts";
import { defaultPorts, type HostPorts, type Preset, type PresetName } from "./presets.ts";
import { problemRow, shown } from "./problem-text.ts";
import { throwProblems } from "./problems.ts";
import { readScrapeJobs } from "./scrape-jobs.ts";
import { readObject, readSizingInput } from "./sizing.ts";
import { unknownKey } from "./unknown-key.ts";

/** The stack's configuration, checked: nothing further down looks at pulumi.Config or asks whether a value is there. */
export interface StackConfig {
  readonly stack: string;
  readonly presetName: PresetName;
  /** The preset with the user's overrides laid over it. */
  readonly sizes: Preset;
  /** The whole `pgbouncer.ini`: forced > user > preset > our default. */
  readonly pgbouncer: PgBouncerIni;
  /** The account of connections, memory, descriptors and timeouts. */
  readonly budget: Budget;
  /** The limits of the path, for the stack's output. */
  readonly poolLimits: PoolLimits;
  readonly ports: HostPorts;
  readonly databaseName: string;
  readonly baseImage: string;
  /** The user's own application; undefined = the reference application. */
  readonly application: OwnApplication | undefined;
  /** Whether Prometheus and its exporters run. */
  readonly observability: boolean;
  /** What Prometheus asks beside the stack's own targets. */
  readonly scrapeJobs: readonly ScrapeJob[];
  /** What the alerts' thresholds follow from. */
  readonly alertSizes: Sizes;
  readonly secretSeed: pulumi.Output<string>;
  /** `docker:host`; unset = DOCKER_HOST, else the default socket. */
  readonly dockerHost: string | undefined;
}

const keys = [
  "preset",
  "overrides",
  "pgbouncer",
  "budget",
  "ports",
  "databaseName",
  "baseImage",
  "application",
  "observability",
  "scrape",
  "secretSeed",
] as const;

const minimumSeedLength = 32;

/** Reads and checks the whole configuration; throws one RunError that lists every problem. The only reader of pulumi.Config. */
export function readConfig(): StackConfig {
  const stack = pulumi.getStack();
  const config = new pulumi.Config("poolkit");
  const problems: Problem[] = [...unknownKeys()];

  const raw = (key: string) => config.get(key);
  const read = readSizingInput(raw, stack);
  const { sizing, budget, problems: own } = budgetOf(read.input);
  problems.push(...read.problems, ...own);
  const ports = readPorts(readObject(raw, "ports", problems), sizing.observability, problems);
  const baseImage = readBaseImage(config.get("baseImage") ?? "debian:forky-slim", problems);
  const application = readApplication(readObject(raw, "application", problems), problems);
  const scrape = readObject(raw, "scrape", problems);
  const scrapeJobs = readScrapeJobs(scrape, sizing.observability, problems);
  problems.push(...seedProblems("poolkit:secretSeed"));
  if (sizing.options.check === "refuse") problems.push(...budget.problems);

  throwProblems(stack, problems);
  if (sizing.options.check === "warn") warn("does not fit, poolkit:budget.check is off", budget.problems);
  warn("works, but", budget.advice);
  return Object.freeze({
    stack,
    presetName: read.input.presetName,
    sizes: sizing.sizes,
    pgbouncer: sizing.pgbouncer,
    budget,
    poolLimits: poolLimits(sizing.sizes, sizing.pgbouncer.settings),
    ports,
    databaseName: read.input.databaseName,
    baseImage,
    application,
    observability: sizing.observability,
    scrapeJobs,
    alertSizes: alertSizes(read.input, sizing, application === undefined),
    secretSeed: config.requireSecret("secretSeed"),
    dockerHost: new pulumi.Config("docker").get("host"),
  });
}

function warn(what: string, problems: readonly Problem[]): void {
  if (problems.length > 0) {
    void pulumi.log.warn([`poolkit: the configuration ${what}:`, ...problems.map(problemRow)].join("\n"));
  }
}

function unknownKeys(): Problem[] {
  const names = Object.keys(pulumi.runtime.allConfig()).filter((key) => key.startsWith("poolkit:"));
  const unknown = names.map((key) => key.slice("poolkit:".length)).filter((name) => !isKey(name));
  return unknown.map((name) => unknownKey(`poolkit:${name}`, name, keys));
}

function isKey(name: string): boolean {
  return keys.some((key) => key === name);
}

const portNames = ["app", "pgbouncer", "postgres", "prometheus"] as const;

/** @param observability without it nothing takes Prometheus' port */
function readPorts(user: Record<string, unknown>, observability: boolean, problems: Problem[]): HostPorts {
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
  const used = portNames.filter((name) => observability || name !== "prometheus");
  if (new Set(used.map((name) => ports[name])).size < used.length) {
    problems.push({
      path: "poolkit:ports",
      found: used.map((name) => `${name} ${ports[name]}`).join(", "),
      allowed: "a different port for each",
      fix: "pulumi config set --path poolkit:ports.app <a free port>",
    });
  }
  return ports;
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
