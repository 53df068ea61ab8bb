import * as pulumi from "@pulumi/pulumi";
import type { ScrapeJob } from "../observability/config.ts";
import type { Sizes } from "../observability/rules.ts";
import type { PgBouncerIni } from "../pgbouncer/render.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { alertSizes } from "./alert-sizes.ts";
import type { OwnApplication } from "./application.ts";
import type { Budget } from "./budget/budget.ts";
import { checkConfig } from "./checked-config.ts";
import { type PoolLimits, poolLimits } from "./pool-limits.ts";
import type { HostPorts, Preset, PresetName } from "./presets.ts";
import { problemRow } from "./problem-text.ts";
import { throwProblems } from "./problems.ts";

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
  /** Whether the ports of an engine on another machine are to be had on this one's 127.0.0.1. */
  readonly enginePortsForwarded: boolean;
}

const minimumSeedLength = 32;

/** Reads and checks the whole configuration; throws one RunError that lists every problem. The only reader of pulumi.Config. */
export function readConfig(): StackConfig {
  const stack = pulumi.getStack();
  const config = new pulumi.Config("poolkit");
  const names = Object.keys(pulumi.runtime.allConfig());
  const { config: checked, problems } = checkConfig(names, (key) => config.get(key), stack);
  const { input, sizing, budget, application } = checked;
  problems.push(...seedProblems("poolkit:secretSeed"));
  if (sizing.options.check === "refuse") problems.push(...budget.problems);

  throwProblems(stack, problems);
  if (sizing.options.check === "warn")
    warn(stack, "does not fit; poolkit:budget.check: warn lets it through", budget.problems);
  warn(stack, "works, but", budget.advice);
  return Object.freeze({
    stack,
    presetName: input.presetName,
    sizes: sizing.sizes,
    pgbouncer: sizing.pgbouncer,
    budget,
    poolLimits: poolLimits(input, sizing),
    ports: checked.ports,
    databaseName: input.databaseName,
    baseImage: checked.baseImage,
    application,
    observability: sizing.observability,
    scrapeJobs: checked.scrapeJobs,
    alertSizes: alertSizes(input, sizing, application === undefined),
    secretSeed: config.requireSecret("secretSeed"),
    dockerHost: new pulumi.Config("docker").get("host"),
    enginePortsForwarded: checked.enginePortsForwarded,
  });
}

function warn(stack: string, what: string, problems: readonly Problem[]): void {
  if (problems.length > 0) {
    const rows = problems.map((problem) => problemRow(problem, stack));
    void pulumi.log.warn([`poolkit: the configuration ${what}:`, ...rows].join("\n"));
  }
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
      fix: `a new stack: ${setIt}; a deployed one, whose file was lost: pulumi config refresh`,
    },
  ];
}

/** The language host tells in this variable which keys are encrypted in the stack's file; absent = it does not say. */
function isStoredAsSecret(path: string): boolean {
  const told = process.env.PULUMI_CONFIG_SECRET_KEYS;
  const secretKeys: unknown = told === undefined ? [path] : JSON.parse(told);
  return Array.isArray(secretKeys) && secretKeys.includes(path);
}
