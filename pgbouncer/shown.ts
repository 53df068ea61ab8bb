import { pgbouncerSettings, type Setting } from "./settings.ts";
import { sameValue } from "./values.ts";

/** One row of SHOW CONFIG: what runs, and PgBouncer's own default of it. */
export interface ShownSetting {
  readonly value: string;
  readonly default: string;
}

/**
 * Where PgBouncer runs a setting otherwise than its file means it; a setting that the file leaves out means PgBouncer's
 * own default. Undefined where the two agree, and of what no file decides.
 * @param written undefined: the file does not say it
 */
export function deviation(
  key: string,
  written: string | undefined,
  shown: ShownSetting,
): { readonly setting: Setting; readonly meant: string } | undefined {
  const setting = pgbouncerSettings[key];
  // The path of the file is given on the command line.
  if (setting === undefined || key === "conffile") return undefined;
  // Of a number (`verbose`) it shows an empty default for 0.
  const meant = written ?? (shown.default || (setting.kind.type === "integer" ? "0" : ""));
  return sameValue(setting.kind, meant, shown.value) ? undefined : { setting, meant };
}
