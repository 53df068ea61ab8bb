/** A row of pg_settings as far as values can be compared by it. */
export interface PgSetting {
  readonly name: string;
  /** In units of `unit`. */
  readonly setting: string;
  /** `kB`, `8kB`, `MB`, `ms`, `s`, `min` …; null for plain values. */
  readonly unit: string | null;
  readonly vartype: string;
}

/** Name and size, the smallest first. */
type Units = readonly (readonly [name: string, size: number])[];

const memoryUnits: Units = [
  ["B", 1],
  ["kB", 1024],
  ["MB", 1024 ** 2],
  ["GB", 1024 ** 3],
  ["TB", 1024 ** 4],
];
const timeUnits: Units = [
  ["us", 1],
  ["ms", 1e3],
  ["s", 1e6],
  ["min", 60e6],
  ["h", 3600e6],
  ["d", 86_400e6],
];

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
      const rounded = running.vartype === "integer" ? roundedHalfToEven(wanted) : wanted;
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

/**
 * The number in the setting's own unit; undefined when it is no number with a unit that fits. Of a fraction of a unit
 * Postgres makes a whole number of the next smaller one: `0.3GB` is 307MB.
 */
function inUnit(written: string, unit: string | null): number | undefined {
  const [, digits, suffix] =
    /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)$/i.exec(written.trim()) ?? [];
  if (digits === undefined || suffix === undefined) return undefined;
  if (suffix === "") return Number(digits);
  const [, count = "", base = ""] = /^(\d*)([A-Za-z]+)$/.exec(unit ?? "") ?? [];
  const units = [memoryUnits, timeUnits].find((some) => sizeIn(some, base) !== undefined) ?? [];
  const [from, to] = [sizeIn(units, suffix), sizeIn(units, base)];
  if (from === undefined || to === undefined) return undefined;
  const smaller = units.findLast(([, size]) => size < from)?.[1];
  const amount = Number(digits) * from;
  const whole = smaller === undefined ? amount : roundedHalfToEven(amount / smaller) * smaller;
  return whole / (to * Number(count || 1));
}

function sizeIn(units: Units, name: string): number | undefined {
  return units.find(([unit]) => unit === name)?.[1];
}

/** As C's rint does. */
function roundedHalfToEven(value: number): number {
  return Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}

function listOf(value: string): string[] {
  return value.split(",").map((item) => item.trim().replace(/^["']|["']$/g, ""));
}
