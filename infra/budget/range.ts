import { databaseKeys, type EntryKey, userKeys } from "../../pgbouncer/entries.ts";
import { pgbouncerSettings } from "../../pgbouncer/settings.ts";
import type { ValueKind } from "../../pgbouncer/values.ts";
import { overrideRange } from "../overrides.ts";
import { demandRanges } from "./application-demand.ts";
import { optionRanges } from "./options.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Settings for which 0 means "none"; for all others of PgBouncer it means "no limit" or "never" and is no lower value. */
const zeroIsNone = /(^|\.)(reserve_pool_size|min_pool_size)$/;

/** The values that a setting may take, by its path without `poolkit:`; undefined for what is no number. */
export function rangeOf(path: string): Range | undefined {
  const [room, ...rest] = path.split(".");
  const [name = "", , key = ""] = rest;
  if (room === "overrides") return overrideRange(name);
  if (room === "budget") return optionRanges[name];
  if (room === "application") return Object.entries(demandRanges).find(([key]) => key === name)?.[1];
  if (room !== "pgbouncer") return undefined;
  const entryKeys: Readonly<Record<string, Readonly<Record<string, EntryKey>>>> = {
    databases: databaseKeys,
    users: userKeys,
  };
  const kind = rest.length === 3 ? entryKeys[name]?.[key]?.kind : pgbouncerSettings[name]?.kind;
  return kind && numbers(kind, zeroIsNone.test(path) ? 0 : 1);
}

function numbers(kind: ValueKind, min: number): Range | undefined {
  if (kind.type === "integer") return { min: Math.max(min, kind.min), max: kind.max };
  if (kind.type === "seconds") return { min, max: kind.max };
  return kind.type === "flag" ? { min: 0, max: 1 } : undefined;
}
