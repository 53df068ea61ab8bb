import { type FileReader, readFileIfPresent, readSources, type Sources } from "./config-sources.ts";
import { type PooledUrl, readPlainUrl, readPooledUrl } from "./database-url.ts";
import { type Environment, processEnvironment } from "./environment.ts";
import { type EffectiveValues, type Findings, resolveSettings } from "./resolve-settings.ts";
import type { SecretKey, SettingKey } from "./settings.ts";

/** What the database layer needs to open a pool. Times in seconds. */
export interface DatabaseSettings {
  /** The pooled URL for pg, without the parameters that the application applies itself. Secret. */
  readonly connectionString: string;
  readonly schema: string;
  readonly mode: "standard" | "enhanced";
  readonly connectionLimit: number;
  readonly acquireTimeoutSeconds: number;
  readonly idleTimeoutSeconds: number;
  readonly maxLifetimeSeconds: number;
  readonly transactionMaxWaitSeconds: number;
  readonly transactionTimeoutSeconds: number;
  /** Enhanced mode reports a connection that is kept longer than this. */
  readonly leakThresholdSeconds: number;
  /** For how long failed work is repeated, where that is safe; 0 means never. */
  readonly retryBudgetSeconds: number;
}

/** How stages are worked on in this process (app/processing). */
export interface ProcessingSettings {
  /** Batches under way at the same time, each with one connection at most; 0 = none is processed here. */
  readonly concurrency: number;
  /** How often an idle scheduler looks for work, in seconds; each look comes up to half as much earlier or later. */
  readonly pollSeconds: number;
  /** How long a claim stands, in seconds. The work of a crashed process is taken over after this time. */
  readonly leaseSeconds: number;
  /** How often a stage is tried, crashed attempts included, before it fails for good. */
  readonly maxAttempts: number;
}

/** The whole configuration in force: resolved and checked. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly preset: string;
  readonly stack: string;
  readonly stopGraceSeconds: number;
  readonly database: DatabaseSettings;
  readonly processing: ProcessingSettings;
  /** Direct Postgres and PgBouncer's console, for health only; absent means that health cannot look there. Secret. */
  readonly monitorUrl: string | undefined;
  readonly consoleUrl: string | undefined;
  /** Opens health and metrics (and nothing else). Secret. */
  readonly healthToken: string;
  /** Opens the product's routes (and not health). Secret. */
  readonly apiToken: string;
  /** Opens metrics (and nothing else); undefined = only the health token does. Secret. */
  readonly metricsToken: string | undefined;
  readonly effective: EffectiveValues;
  readonly warnings: readonly string[];
  readonly revision: string | null;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly string[] };

/** 256 bits have 43 characters in base64url (64 in hex); fewer cannot hold them, whatever the alphabet of a random text. */
const MIN_TOKEN_CHARACTERS = 43;
/** Longer tokens would not fit the header that app/requests/auth.ts accepts. */
const MAX_TOKEN_CHARACTERS = 512;

/**
 * Reads the configuration: environment over URL parameters over settings file over defaults. Returns every problem at
 * once instead of throwing at the first; no problem text holds a secret.
 */
export function loadConfig(
  environment: Environment = processEnvironment(),
  readFile: FileReader = readFileIfPresent,
): ConfigResult {
  const sources = readSources(environment, readFile);
  const findings: Findings = { problems: [...sources.problems], warnings: [] };
  const { problems, warnings } = findings;

  const url = databaseUrl(sources, problems);
  for (const dropped of url?.dropped ?? []) warnings.push(`DATABASE_URL: ${dropped}`);
  const effective = resolveSettings(sources, url, findings);
  const monitorUrl = plainUrl(sources, "MONITOR_URL", problems);
  const consoleUrl = plainUrl(sources, "CONSOLE_URL", problems);
  const tokens = readTokens(sources, problems);
  if (environment.PGOPTIONS) {
    problems.push(
      "PGOPTIONS: pg would send it and PgBouncer refuses it; unset it and set the values on the role",
    );
  }
  if (problems.length > 0 || url === undefined) return { ok: false, problems };

  const number = (key: SettingKey) => Number(effective[key].value);
  const config: Config = {
    host: String(effective.HOST.value),
    port: number("PORT"),
    logLevel: String(effective.LOG_LEVEL.value),
    preset: String(effective.POOLKIT_PRESET.value),
    stack: String(effective.POOLKIT_STACK.value),
    stopGraceSeconds: number("STOP_GRACE"),
    database: databaseSettings(url, effective),
    processing: {
      concurrency: number("PROCESSING_CONCURRENCY"),
      pollSeconds: number("PROCESSING_POLL_INTERVAL"),
      leaseSeconds: number("PROCESSING_LEASE"),
      maxAttempts: number("PROCESSING_MAX_ATTEMPTS"),
    },
    monitorUrl,
    consoleUrl,
    ...tokens,
    effective,
    warnings,
    revision: sources.revision,
  };
  return { ok: true, config };
}

function databaseSettings(url: PooledUrl, effective: EffectiveValues): DatabaseSettings {
  const number = (key: SettingKey) => Number(effective[key].value);
  return {
    connectionString: url.connectionString,
    schema: url.schema,
    mode: effective.USE_ENHANCED_POOLING.value === true ? "enhanced" : "standard",
    connectionLimit: number("DATABASE_CONNECTION_LIMIT"),
    acquireTimeoutSeconds: number("DATABASE_ACQUIRE_TIMEOUT"),
    idleTimeoutSeconds: number("DATABASE_IDLE_TIMEOUT"),
    maxLifetimeSeconds: number("DATABASE_MAX_LIFETIME"),
    transactionMaxWaitSeconds: number("DATABASE_TRANSACTION_MAX_WAIT"),
    transactionTimeoutSeconds: number("DATABASE_TRANSACTION_TIMEOUT"),
    leakThresholdSeconds: number("DATABASE_LEAK_THRESHOLD"),
    retryBudgetSeconds: number("DATABASE_RETRY_BUDGET"),
  };
}

function databaseUrl(sources: Sources, problems: string[]): PooledUrl | undefined {
  const secret = sources.secrets.get("DATABASE_URL");
  if (secret === undefined) {
    reportMissing("DATABASE_URL", "the URL through PgBouncer", problems);
    return undefined;
  }
  const result = readPooledUrl(secret.text);
  if (result.ok) return result.value;
  for (const problem of result.problems) problems.push(`DATABASE_URL (${secret.source}): ${problem}`);
  return undefined;
}

function plainUrl(sources: Sources, key: SecretKey, problems: string[]): string | undefined {
  const secret = sources.secrets.get(key);
  if (secret === undefined) return undefined;
  const result = readPlainUrl(secret.text);
  if (result.ok) return result.value;
  for (const problem of result.problems) problems.push(`${key} (${secret.source}): ${problem}`);
  return undefined;
}

/** The tokens, each of which must open what the others do not. */
function readTokens(
  sources: Sources,
  problems: string[],
): Pick<Config, "healthToken" | "apiToken" | "metricsToken"> {
  const healthToken = token(sources, "HEALTH_TOKEN", problems);
  const apiToken = token(sources, "API_TOKEN", problems);
  const metricsToken = optionalToken(sources, "METRICS_TOKEN", problems);
  if (apiToken !== "" && apiToken === healthToken) {
    problems.push(
      "API_TOKEN: is the same as HEALTH_TOKEN; give another, so that whoever watches cannot read or write data",
    );
  }
  if (metricsToken !== undefined && [healthToken, apiToken].includes(metricsToken)) {
    problems.push(
      "METRICS_TOKEN: is the same as another token; give another, so that whoever collects figures sees no more",
    );
  }
  return { healthToken, apiToken, metricsToken };
}

function token(sources: Sources, key: "HEALTH_TOKEN" | "API_TOKEN", problems: string[]): string {
  const text = optionalToken(sources, key, problems);
  if (text === undefined) reportMissing(key, "a random text of 256 bits", problems);
  return text ?? "";
}

function optionalToken(sources: Sources, key: SecretKey, problems: string[]): string | undefined {
  const secret = sources.secrets.get(key);
  if (secret === undefined) return undefined;
  const length = secret.text.length;
  if (length < MIN_TOKEN_CHARACTERS || length > MAX_TOKEN_CHARACTERS || !/^[\x21-\x7e]+$/.test(secret.text)) {
    problems.push(
      `${key} (${secret.source}): has ${length} characters; allowed: ${MIN_TOKEN_CHARACTERS} to ` +
        `${MAX_TOKEN_CHARACTERS} printable ASCII characters without spaces, for example from openssl rand -hex 32`,
    );
  }
  return secret.text;
}

/** Reports an absent secret, unless reading it has already failed for a better reason. */
function reportMissing(key: SecretKey, what: string, problems: string[]): void {
  if (problems.some((problem) => problem.startsWith(`${key}:`) || problem.startsWith(`${key}_FILE:`))) return;
  problems.push(`${key}: not set; give ${what}, or its file as ${key}_FILE`);
}
