import { defaultSettings, forcedSettings, withheldSettings } from "./layers.ts";
import { nearest } from "./nearest.ts";
import { pgbouncerSettings } from "./settings.ts";
import { allowedText, isAllowed, type Problem } from "./values.ts";

/** A setting as people write it in stack config. `true` and `false` mean 1 and 0. */
export type SettingValue = string | number | boolean;

/**
 * What the driver of Prometheus' exporter sends at every login, with no way to leave it out. To swallow it loses nothing:
 * PgBouncer's console has no numbers to round, and Postgres >= 12 prints all digits whatever a driver asks for (1 to 3).
 * It alone needs no `options` beside it: that is a guard against a PgBouncer older than the image takes (1.26.1), and
 * it would swallow, in silence, every setting that a client asks for in `options`.
 */
export const exporterStartupParameter = "extra_float_digits";

/** The complete `[pgbouncer]` section, or what is wrong with it. */
export interface MergedSettings {
  readonly settings: Record<string, string>;
  readonly problems: Problem[];
}

/**
 * The `[pgbouncer]` section: forced over user over preset over the kit's defaults; what none of them names keeps
 * PgBouncer's own default. All problems at once, none thrown; `settings` must not be used when there are any.
 */
export function mergePgBouncerSettings(layers: {
  preset: Readonly<Record<string, SettingValue>>;
  user: Readonly<Record<string, SettingValue>>;
}): MergedSettings {
  const chosen = { ...asText(layers.preset), ...asText(layers.user) };
  const problems = Object.entries(chosen).flatMap(([key, value]) => chosenProblems(key, value));
  return { settings: { ...defaultSettings, ...chosen, ...forcedSettings }, problems };
}

/** What is wrong with one setting on its own, wherever it comes from. */
export function settingProblems(key: string, value: string, path = `pgbouncer.${key}`): Problem[] {
  const setting = Object.hasOwn(pgbouncerSettings, key) ? pgbouncerSettings[key] : undefined;
  if (setting === undefined) return [unknownName(path, key, Object.keys(pgbouncerSettings))];
  if (!isAllowed(setting.kind, value)) {
    const fix = `set ${path} to one of these, or remove it to keep ${setting.default || "it unset"}`;
    return [{ path, found: JSON.stringify(value), allowed: allowedText(setting.kind), fix }];
  }
  const isOfUser = value !== "" && value !== exporterStartupParameter;
  if (key === "ignore_startup_parameters" && isOfUser && !listItems(value).includes("options")) {
    // Without `options` in a non-empty list PgBouncer up to 1.26.0 can be put into an endless loop (CVE-2026-107349).
    const fix = `set ${path} to "${value},options"`;
    return [{ path, found: JSON.stringify(value), allowed: "a list that includes options", fix }];
  }
  return [];
}

/** The message for a key that does not exist, with the name that was probably meant. */
export function unknownName(path: string, name: string, known: readonly string[]): Problem {
  const meant = nearest(name, known);
  const fix =
    meant === undefined ? "remove it" : `write ${path.slice(0, path.length - name.length)}${meant} instead`;
  return {
    path,
    found: `unknown setting ${JSON.stringify(name)}`,
    allowed: "settings of PgBouncer 1.26",
    fix,
  };
}

function chosenProblems(key: string, value: string): Problem[] {
  const path = `pgbouncer.${key}`;
  if (Object.hasOwn(forcedSettings, key)) {
    const allowed = `${forcedSettings[key]} (fixed, the kit depends on it)`;
    return [{ path, found: JSON.stringify(value), allowed, fix: `remove ${path}` }];
  }
  if (Object.hasOwn(withheldSettings, key)) {
    const allowed = `nothing: ${withheldSettings[key]}`;
    return [{ path, found: JSON.stringify(value), allowed, fix: `remove ${path}` }];
  }
  return settingProblems(key, value);
}

function asText(layer: Readonly<Record<string, SettingValue>>): Record<string, string> {
  const text = (value: SettingValue) => (typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  return Object.fromEntries(Object.entries(layer).map(([key, value]) => [key, text(value)]));
}

function listItems(value: string): string[] {
  return value.split(",").map((item) => item.trim());
}
