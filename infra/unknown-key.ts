import { nearest } from "../pgbouncer/nearest.ts";
import type { Problem } from "../pgbouncer/values.ts";

/** The message for a key that does not exist, with the name that was probably meant. */
export function unknownKey(path: string, name: string, known: readonly string[]): Problem {
  const meant = nearest(name, known);
  const base = path.slice(0, path.length - name.length);
  // A dot in the name of a whole key is no path.
  const remove = `pulumi config rm ${base === "poolkit:" ? "" : "--path "}'${path}'`;
  return {
    path,
    found: "an unknown key",
    allowed: known.join(", "),
    fix: meant === undefined ? remove : `did you mean ${base}${meant}? remove this one: ${remove}`,
  };
}
