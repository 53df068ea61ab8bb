import type { Sourced, Sources } from "./config-sources.ts";
import type { PooledUrl } from "./database-url.ts";
import { SETTING_KEYS, SETTINGS, type SettingKey, type SettingValue } from "./settings.ts";

/** One effective setting, as shown at start and in health. */
export interface EffectiveValue {
  readonly value: SettingValue;
  readonly unit: string | null;
  readonly source: string;
}

export type EffectiveValues = Readonly<Record<SettingKey, EffectiveValue>>;

/** Where what was found goes: problems refuse the configuration, warnings are logged. */
export interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}

/**
 * Gives every setting the value of its best source: environment, URL parameter, settings file (it carries the preset),
 * default.
 */
export function resolveSettings(
  sources: Sources,
  url: PooledUrl | undefined,
  findings: Findings,
): EffectiveValues {
  const own = Object.fromEntries(
    SETTING_KEYS.map((key) => [key, resolve(key, candidates(key, sources, url), findings)]),
  ) as Record<SettingKey, EffectiveValue>;
  const poolTimeout = { ...own.DATABASE_POOL_TIMEOUT, source: "DATABASE_POOL_TIMEOUT" };
  const orPoolTimeout = (value: EffectiveValue) => (value.source === "default" ? poolTimeout : value);
  const twiceTransaction = {
    ...own.DATABASE_TRANSACTION_TIMEOUT,
    value: 2 * Number(own.DATABASE_TRANSACTION_TIMEOUT.value),
    source: "2 x DATABASE_TRANSACTION_TIMEOUT",
  };
  const leakThreshold = own.DATABASE_LEAK_THRESHOLD;
  return {
    ...own,
    HOST: hostFor(own),
    DATABASE_LEAK_THRESHOLD: leakThreshold.source === "default" ? twiceTransaction : leakThreshold,
    DATABASE_ACQUIRE_TIMEOUT: orPoolTimeout(own.DATABASE_ACQUIRE_TIMEOUT),
    DATABASE_IDLE_TIMEOUT: orPoolTimeout(own.DATABASE_IDLE_TIMEOUT),
  };
}

/** In a container everybody comes through its own network address; anywhere else nobody but this machine should. */
function hostFor({ HOST, NODE_ENV }: EffectiveValues): EffectiveValue {
  const isInContainer = HOST.source === "default" && NODE_ENV.value === "production";
  return isInContainer ? { value: "0.0.0.0", unit: null, source: "default (production)" } : HOST;
}

/** What each source says about `key`, best first. */
function candidates(key: SettingKey, sources: Sources, url: PooledUrl | undefined): Sourced[] {
  const said: [string | undefined, string][] = [
    // An empty variable means "not set": that is what `KEY=` in an .env file says.
    [sources.environment[key] || undefined, "environment"],
  ];
  if (key === "DATABASE_CONNECTION_LIMIT")
    said.push([url?.connectionLimit, "database URL (connection_limit)"]);
  if (key === "DATABASE_POOL_TIMEOUT") said.push([url?.poolTimeout, "database URL (pool_timeout)"]);
  said.push([sources.settingsFile.get(key), "settings file"]);
  return said.flatMap(([text, source]) => (text === undefined ? [] : [{ text, source }]));
}

/** A wrong value as it may be printed. A URL pasted in the wrong place brings its password along. */
function shown(text: string): string {
  return /:\/\/|@/.test(text) ? "something like a URL (not shown)" : JSON.stringify(text.slice(0, 64));
}

function resolve(key: SettingKey, said: readonly Sourced[], findings: Findings): EffectiveValue {
  const { schema, unit, allowed, fallback } = SETTINGS[key];
  const valid = said.flatMap(({ text, source }) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return [{ value: parsed.data, unit, source }];
    findings.problems.push(`${key} (${source}): found ${shown(text)}; allowed: ${allowed}`);
    return [];
  });
  const [chosen, ...overruled] = valid;
  if (chosen === undefined) return { value: fallback ?? "", unit, source: "default" };
  for (const other of overruled.filter(({ value }) => value !== chosen.value)) {
    findings.warnings.push(
      `${key}: ${chosen.source} says ${chosen.value} and wins over ${other.source} with ${other.value}`,
    );
  }
  return chosen;
}
