import type { ScrapeJob } from "../observability/config.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { type OwnApplication, readApplication } from "./application.ts";
import { type Budget, budgetOf } from "./budget/budget.ts";
import { defaultPorts, type HostPorts } from "./presets.ts";
import { shown } from "./problem-text.ts";
import { readScrapeJobs } from "./scrape-jobs.ts";
import { readObject, readSizingInput, readSwitch, type Sizing, type SizingInput } from "./sizing.ts";
import { unknownKey } from "./unknown-key.ts";

/** Every key of a stack's configuration but the secret. */
export const plainKeys = [
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
  "enginePortsForwarded",
] as const;

const keys: readonly string[] = [...plainKeys, "secretSeed"];

/** What these keys say; refused values have their defaults in their place. */
export interface CheckedConfig {
  readonly input: SizingInput;
  readonly sizing: Sizing;
  readonly budget: Budget;
  readonly ports: HostPorts;
  readonly baseImage: string;
  /** The user's own application; undefined = the reference application. */
  readonly application: OwnApplication | undefined;
  readonly scrapeJobs: readonly ScrapeJob[];
  /** Whether the ports of an engine on another machine are to be had on this one's 127.0.0.1. */
  readonly enginePortsForwarded: boolean;
}

/**
 * Reads and checks all keys but the secret, for the program and for the command that says what the program would. What
 * does not fit together is among the problems of the budget. Pure but for the folders of an application, which are
 * looked for from `project`.
 * @param names of all that is configured, with `poolkit:` or another's namespace
 * @param raw key without `poolkit:` → text
 */
export function checkConfig(
  names: readonly string[],
  raw: (key: string) => string | undefined,
  stack: string,
  project?: string,
): { readonly config: CheckedConfig; readonly problems: Problem[] } {
  const problems = unknownKeys(names);
  const { input, problems: unread } = readSizingInput(raw, stack);
  const { sizing, budget, problems: refused } = budgetOf(input);
  problems.push(...unread, ...refused);
  const ports = readPorts(readObject(raw, "ports", problems), sizing.observability, problems);
  const baseImage = readBaseImage(raw("baseImage") ?? "debian:forky-slim", problems);
  const application = readApplication(readObject(raw, "application", problems), problems, project);
  const scrape = readObject(raw, "scrape", problems);
  const scrapeJobs = readScrapeJobs(scrape, sizing.observability, problems);
  const enginePortsForwarded = readSwitch(raw, "enginePortsForwarded", problems);
  return {
    config: { input, sizing, budget, ports, baseImage, application, scrapeJobs, enginePortsForwarded },
    problems,
  };
}

function unknownKeys(names: readonly string[]): Problem[] {
  const ours = names
    .filter((name) => name.startsWith("poolkit:"))
    .map((name) => name.slice("poolkit:".length));
  const unknown = ours.filter((name) => !keys.includes(name));
  return unknown.map((name) => unknownKey(`poolkit:${name}`, name, keys));
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
