import { isDeepStrictEqual } from "node:util";
import type { Path } from "../protocol/paths.ts";
import type { PlainMap, PlainValue } from "../protocol/secrets.ts";

/** One property that differs between what is and what is wanted. */
export interface PropertyChange {
  readonly path: Path;
  readonly kind: "add" | "delete" | "update";
}

/** What differs, down to the single key, so that a preview shows exactly the setting that changes. */
export function changesBetween(from: PlainMap, to: PlainMap, path: Path = []): PropertyChange[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return keys.flatMap((key): PropertyChange[] => {
    const before = from[key];
    const after = to[key];
    const here = [...path, key];
    if (before === undefined) return after === undefined ? [] : [{ path: here, kind: "add" }];
    if (after === undefined) return [{ path: here, kind: "delete" }];
    if (isMap(before) && isMap(after)) return changesBetween(before, after, here);
    return isDeepStrictEqual(before, after) ? [] : [{ path: here, kind: "update" }];
  });
}

function isMap(value: PlainValue): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
