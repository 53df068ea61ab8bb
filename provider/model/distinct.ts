import { isDeepStrictEqual } from "node:util";

/** The values without those that equal an earlier one. */
export function distinct<T>(values: readonly T[]): T[] {
  return values.filter(
    (value, index) => index === values.findIndex((same) => isDeepStrictEqual(same, value)),
  );
}
