import type { PgBouncerIni } from "./render.ts";
import { pgbouncerSettings } from "./settings.ts";

type Section = Readonly<Record<string, string>>;

/** Settings that limit clients, in every section that may hold them. */
const clientLimits: readonly string[] = [
  "max_client_conn",
  "max_db_client_connections",
  "max_user_client_connections",
];

/**
 * The wanted file, but with no limit on clients below that of the former one: what PgBouncer runs while those who had
 * the larger limit still make use of it.
 */
export function withFormerClientLimits(wanted: PgBouncerIni, former: PgBouncerIni): PgBouncerIni {
  const entries = (section: "databases" | "users") =>
    Object.fromEntries(
      Object.entries(wanted[section]).map(([name, keys]) => [
        name,
        // An entry that does not say it has the global limit.
        withLarger(keys, withoutZeros(former[section][name] ?? {}), () => undefined),
      ]),
    );
  return {
    ...wanted,
    settings: withLarger(wanted.settings, former.settings, (key) => pgbouncerSettings[key]?.default),
    databases: entries("databases"),
    users: entries("users"),
  };
}

function withLarger(
  wanted: Section,
  former: Section,
  whenUnset: (key: string) => string | undefined,
): Record<string, string> {
  const others = Object.entries(wanted).filter(([key]) => !clientLimits.includes(key));
  const limits = clientLimits.flatMap((key): [string, string][] => {
    const [now, before] = [wanted[key] ?? whenUnset(key), former[key] ?? whenUnset(key)];
    if (now === undefined || before === undefined) return [];
    const isLowered = limitOf(before) > limitOf(now);
    // What stands in neither file stays out of this one too.
    return isLowered || wanted[key] !== undefined ? [[key, isLowered ? before : now]] : [];
  });
  return Object.fromEntries([...others, ...limits]);
}

/** In an entry 0 means the global limit, as if it were left out: such files were written before 0 was refused there. */
function withoutZeros(keys: Section): Section {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== "0"));
}

/** 0 means no limit. */
function limitOf(value: string): number {
  return value === "0" ? Number.POSITIVE_INFINITY : Number(value);
}
