/** A row of pg_settings as far as values can be compared by it. */
export interface PgSetting {
  readonly name: string;
  /** In units of `unit`. */
  readonly setting: string;
  /** `kB`, `8kB`, `MB`, `ms`, `s`, `min` …; null for plain values. */
  readonly unit: string | null;
  readonly vartype: string;
}

const memoryBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};
const timeMicroseconds: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  min: 60e6,
  h: 3600e6,
  d: 86_400e6,
};

/**
 * Whether Postgres runs what was written: `128MB` is 16384 in units of 8kB, `1min` is 60 s, `yes` is `on`, `scram-SHA-256`
 * is `scram-sha-256`. A number is compared after rounding to the unit, as Postgres does.
 */
export function runsAsWritten(written: string, running: PgSetting): boolean {
  switch (running.vartype) {
    case "bool":
      return booleanOf(written) === booleanOf(running.setting);
    case "integer":
    case "real": {
      const wanted = inUnit(written, running.unit);
      if (wanted === undefined) return written === running.setting;
      const rounded = running.vartype === "integer" ? Math.round(wanted) : wanted;
      return Math.abs(rounded - Number(running.setting)) <= 1e-9 * Math.abs(rounded);
    }
    case "enum":
      return written.toLowerCase() === running.setting.toLowerCase();
    default:
      return written === running.setting || listOf(written).join(",") === listOf(running.setting).join(",");
  }
}

function booleanOf(value: string): boolean | string {
  const text = value.toLowerCase();
  if (["on", "true", "yes", "1", "t", "y"].includes(text)) return true;
  return ["off", "false", "no", "0", "f", "n"].includes(text) ? false : text;
}

/** The number in the setting's own unit; undefined when it is no number with a unit that fits. */
function inUnit(written: string, unit: string | null): number | undefined {
  const [, digits, suffix] = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(written.trim()) ?? [];
  if (digits === undefined || suffix === undefined) return undefined;
  if (suffix === "") return Number(digits);
  const [, count = "", base = ""] = /^(\d*)([A-Za-z]+)$/.exec(unit ?? "") ?? [];
  const scale = base in memoryBytes ? memoryBytes : timeMicroseconds;
  const [from, to] = [scale[suffix], scale[base]];
  return from === undefined || to === undefined
    ? undefined
    : (Number(digits) * from) / (to * Number(count || 1));
}

function listOf(value: string): string[] {
  return value.split(",").map((item) => item.trim().replace(/^["']|["']$/g, ""));
}
