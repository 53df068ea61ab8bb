import type { PgBouncerIni } from "./render.ts";
import { pgbouncerSettings } from "./settings.ts";

type Section = Readonly<Record<string, string>>;

/** The sections whose entries may hold a limit on clients of their own, which goes before the global one of that name. */
const entryLimits = {
  databases: "max_db_client_connections",
  users: "max_user_client_connections",
} as const;

/** Settings that limit clients. */
const clientLimits: readonly string[] = ["max_client_conn", ...Object.values(entryLimits)];

/**
 * The wanted file, but with no limit on clients below that of the former one: what PgBouncer runs while those who had
 * the larger limit still make use of it.
 */
export function withFormerClientLimits(wanted: PgBouncerIni, former: PgBouncerIni): PgBouncerIni {
  return {
    ...wanted,
    settings: withLargerSettings(wanted.settings, former.settings),
    databases: withLargerEntries("databases", wanted, former),
    users: withLargerEntries("users", wanted, former),
  };
}

/** The file with the limit on clients of each of the roles: without an entry of its own it is the global one. */
export function withEveryRolesLimit(ini: PgBouncerIni, roles: readonly string[]): PgBouncerIni {
  const key = entryLimits.users;
  const global = globalLimit(ini.settings, key);
  const said = roles.map((role): [string, Section] => [role, { [key]: global, ...ini.users[role] }]);
  return { ...ini, users: { ...ini.users, ...Object.fromEntries(said) } };
}

function withLargerSettings(wanted: Section, former: Section): Record<string, string> {
  const limits = clientLimits.flatMap((key): [string, string][] => {
    const [now, before] = [globalLimit(wanted, key), globalLimit(former, key)];
    // What stands in neither file stays out of this one too.
    return limitOf(before) > limitOf(now) ? [[key, before]] : [];
  });
  return { ...wanted, ...Object.fromEntries(limits) };
}

function withLargerEntries(
  section: keyof typeof entryLimits,
  wanted: PgBouncerIni,
  former: PgBouncerIni,
): Record<string, Record<string, string>> {
  const key = entryLimits[section];
  const globals = [globalLimit(wanted.settings, key), globalLimit(former.settings, key)] as const;
  // A role whose entry goes has its clients still; those of a database that goes go with it.
  const gone =
    section === "users" ? Object.keys(former.users).filter((role) => !Object.hasOwn(wanted.users, role)) : [];
  return Object.fromEntries([
    ...Object.entries(wanted[section]).map(([name, { [key]: own, ...others }]) => {
      const larger = largerLimit(own, former[section][name]?.[key], globals);
      return [name, larger === undefined ? others : { ...others, [key]: larger }];
    }),
    ...gone.flatMap((role) => {
      const larger = largerLimit(undefined, former.users[role]?.[key], globals);
      return larger === undefined ? [] : [[role, { [key]: larger }]];
    }),
  ]);
}

/** The larger limit of an entry; undefined where the global one, itself the larger of both files, says it. */
function largerLimit(
  wanted: string | undefined,
  former: string | undefined,
  [wantedGlobal, formerGlobal]: readonly [string, string],
): string | undefined {
  const [own, formerOwn] = [ownLimit(wanted), ownLimit(former)];
  if (own === undefined && formerOwn === undefined) return undefined;
  const [now, before] = [own ?? wantedGlobal, formerOwn ?? formerGlobal];
  return limitOf(before) > limitOf(now) ? ownLimit(before) : own;
}

/** In an entry 0 means the global limit, as if it were left out: such files were written before 0 was refused there. */
function ownLimit(value: string | undefined): string | undefined {
  return value === "0" ? undefined : value;
}

function globalLimit(settings: Section, key: string): string {
  return settings[key] ?? pgbouncerSettings[key]?.default ?? "0";
}

/** 0 means no limit. */
function limitOf(value: string): number {
  return value === "0" ? Number.POSITIVE_INFINITY : Number(value);
}
