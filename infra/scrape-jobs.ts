import { isIP } from "node:net";
import type { ScrapeJob } from "../observability/config.ts";
import { jobs } from "../observability/rules.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { type Given, isObject } from "./given.ts";
import { shown } from "./problem-text.ts";
import { unknownKey } from "./unknown-key.ts";
import { hasUrlPassword } from "./url-password.ts";

/** One key of a job: what is allowed, in words, and what holds when it is left out. */
interface Key {
  readonly allowed: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** Every key of a job of `poolkit:scrape`, as Prometheus calls it; the documentation's table is made from it. */
export const scrapeKeys = {
  targets: {
    allowed: "a list of one or more host:port",
    fallback: "",
    meaning: "who is asked, as Prometheus' container reaches it",
  },
  metrics_path: {
    allowed: "a path that starts with / and has no space, ? or #",
    fallback: "/metrics",
    meaning: "where it shows its figures",
  },
  scheme: {
    allowed: "http or https",
    fallback: "http",
    meaning: "`https`: its certificate must be of a public authority",
  },
  params: {
    allowed: "an object of names and lists of texts",
    fallback: "{}",
    meaning: "sent with each scrape; Prometheus shows them, so no secrets",
  },
} as const satisfies Readonly<Record<string, Key>>;

const path = "poolkit:scrape";
const ownJobs: readonly string[] = Object.values(jobs);

/**
 * The jobs of `poolkit:scrape`: what the stack's Prometheus asks beside its own targets. Refused values are reported, all
 * of them; what a job leaves out is as Prometheus itself has it.
 */
export function readScrapeJobs(given: Given, isObserved: boolean, problems: Problem[]): ScrapeJob[] {
  const named = Object.entries(given);
  if (named.length > 0 && !isObserved) {
    problems.push({
      path,
      found: `${named.length === 1 ? "a job" : "jobs"}, and poolkit:observability is off`,
      allowed: "nothing where no Prometheus runs that could ask",
      fix: `pulumi config set poolkit:observability true, or pulumi config rm ${path}`,
    });
  }
  return named.flatMap(([name, job]) => {
    problems.push(...nameProblems(name));
    if (isObject(job)) return [readJob(name, job, problems)];
    problems.push({
      path: `${path}.${name}`,
      found: shownAddress(job),
      allowed: `an object of ${Object.keys(scrapeKeys).join(", ")}`,
      fix: `pulumi config rm --path '${path}.${name}'`,
    });
    return [];
  });
}

function nameProblems(name: string): Problem[] {
  const problem = (found: string, allowed: string): Problem[] => [
    { path: `${path}.${name}`, found, allowed, fix: `pulumi config rm --path '${path}.${name}'` },
  ];
  if (ownJobs.includes(name)) return problem("a job of the kit", `not ${ownJobs.join(", ")}`);
  if (/^[a-z][a-z0-9_-]{0,62}$/.test(name)) return [];
  return problem(
    `the name ${shown(name)}`,
    "1 to 63 lower-case letters, digits, _ and -, beginning with a letter",
  );
}

function readJob(name: string, job: Given, problems: Problem[]): ScrapeJob {
  const at = `${path}.${name}`;
  for (const key of Object.keys(job)) {
    if (!Object.hasOwn(scrapeKeys, key)) {
      problems.push(unknownKey(`${at}.${key}`, key, Object.keys(scrapeKeys)));
    }
  }
  const text = (key: "metrics_path" | "scheme", pattern: RegExp) => {
    const { allowed, fallback } = scrapeKeys[key];
    const value = job[key];
    if (value === undefined) return fallback;
    if (typeof value === "string" && pattern.test(value)) return value;
    problems.push({
      path: `${at}.${key}`,
      found: shown(value),
      allowed,
      fix: `pulumi config set --path '${at}.${key}' ${fallback}`,
    });
    return fallback;
  };
  return {
    name,
    targets: readTargets(at, job.targets, problems),
    metricsPath: text("metrics_path", /^\/[^\s?#]{0,1000}$/),
    scheme: text("scheme", /^https?$/) === "https" ? "https" : "http",
    params: readParams(at, job.params, problems),
  };
}

function readTargets(job: string, given: unknown, problems: Problem[]): string[] {
  const at = `${job}.targets`;
  const set = (index: number) => `pulumi config set --path '${at}[${index}]' <host:port>`;
  if (!Array.isArray(given) || given.length === 0) {
    const isAbsent = given === undefined || Array.isArray(given);
    const fix = isAbsent ? set(0) : `pulumi config rm --path '${at}', then ${set(0)}`;
    problems.push({ path: at, found: shownAddress(given), allowed: scrapeKeys.targets.allowed, fix });
    return [];
  }
  return given.flatMap((target: unknown, index) => {
    const refused = targetProblem(target);
    if (refused === undefined) return typeof target === "string" ? [target] : [];
    problems.push({ path: `${at}[${index}]`, ...refused, fix: set(index) });
    return [];
  });
}

type Refused = Pick<Problem, "found" | "allowed">;

function targetProblem(target: unknown): Refused | undefined {
  const allowed = "host:port, an IPv6 address in brackets; no scheme, path or login";
  const text = typeof target === "string" ? target : "";
  const { host = "", port } = /^(?<host>[^\s/]+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (!isHost(host) || !isPort) return { found: shownAddress(target), allowed };
  if (!isLoopback(host)) return undefined;
  return {
    found: `${shown(target)}, which is Prometheus' own container`,
    allowed: "an address that containers reach, for the engine's machine too",
  };
}

/** What stands before an @ may be a password. */
function shownAddress(value: unknown): string {
  return JSON.stringify(value)?.includes("@") ? "an address with a login" : shown(value);
}

function isHost(host: string): boolean {
  const bracketed = /^\[(.+)\]$/.exec(host)?.[1];
  return bracketed === undefined ? /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,252}$/.test(host) : isIP(bracketed) === 6;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])$/i.test(host);
}

function readParams(job: string, given: unknown, problems: Problem[]): ScrapeJob["params"] {
  const at = `${job}.params`;
  const refuse = (of: string, refused: Refused) =>
    problems.push({ path: of, ...refused, fix: `pulumi config rm --path '${of}'` });
  if (given === undefined) return {};
  if (!isObject(given)) {
    refuse(at, { found: shown(given), allowed: scrapeKeys.params.allowed });
    return {};
  }
  const read: [string, readonly string[]][] = [];
  for (const [name, values] of Object.entries(given)) {
    if (!/^[\x21-\x7e]{1,100}$/.test(name)) {
      refuse(`${at}.${name}`, { found: `the name ${shown(name)}`, allowed: "1 to 100 signs without space" });
    } else if (!isTexts(values)) {
      const allowed = "a list of one or more texts of one line each (a number or switch in quotes)";
      refuse(`${at}.${name}`, { found: shown(values), allowed });
    } else if (values.some(hasUrlPassword)) {
      const allowed = "no secrets: Prometheus shows its configuration";
      refuse(`${at}.${name}`, { found: "a URL with a password", allowed });
    } else read.push([name, values]);
  }
  return Object.fromEntries(read);
}

function isTexts(values: unknown): values is readonly string[] {
  const isText = (value: unknown) => typeof value === "string" && !/[\0\n\r]/.test(value);
  return Array.isArray(values) && values.length > 0 && values.every(isText);
}
