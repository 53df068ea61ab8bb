import { nearest } from "../../pgbouncer/nearest.ts";
import { type Path, pathText } from "../protocol/paths.ts";
import { hasUnknown, type PlainMap, type PlainValue } from "../protocol/secrets.ts";
import { unknownValue } from "../protocol/values.ts";

/** One wrong property; `reason` says what was found, what is allowed and what to do, never a secret. */
export interface PropertyProblem {
  readonly path: Path;
  readonly reason: string;
}

/** What a property may be. `T` is its TypeScript type once `problems` has found nothing and nothing is unknown. */
export interface Shape<T> {
  /**
   * Nothing for a value that is only known in the real run: it is looked at then. `structure` leaves out the checks of
   * `refined`: a state that a refresh has filled with somebody's edits must still be readable.
   */
  problems(value: PlainValue | undefined, path: Path, depth?: "structure"): PropertyProblem[];
  readonly optional: boolean;
  /** Keys of an object that has exactly these; undefined for everything else. */
  readonly keys?: readonly string[];
  /** Paths below this property that are always secret. */
  readonly secrets: readonly Path[];
  /** Never set: carries the type. */
  readonly type?: () => T;
}

/** The TypeScript type that a shape describes. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

/** Whether the value has the structure of the shape; narrows its type. */
export function fits<T>(shape: Shape<T>, value: unknown): value is T {
  return shape.problems(value as PlainValue, [], "structure").length === 0;
}

function leaf<T>(check: (value: PlainValue) => string | undefined): Shape<T> {
  return {
    optional: false,
    secrets: [],
    problems(value, path) {
      if (value === undefined) return [{ path, reason: "missing" }];
      const reason = value === unknownValue ? undefined : check(value);
      return reason === undefined ? [] : [{ path, reason }];
    },
  };
}

/** A text. `check` gives the reason why one is refused. */
export function text(check: (text: string) => string | undefined = () => undefined): Shape<string> {
  return leaf((value) =>
    typeof value === "string" ? check(value) : `expected a string, found ${kindOf(value)}`,
  );
}

/** A text with at least one character and none that a shell, a path or a log could stumble over. */
export const name: Shape<string> = text((value) =>
  /^[\w.:@/-]+$/.test(value) ? undefined : "expected a name of letters, digits and . _ : @ / -",
);

/** A whole number in a range. */
export function integer(min: number, max: number): Shape<number> {
  return leaf((value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : `expected a whole number from ${min} to ${max}, found ${typeof value === "number" ? value : kindOf(value)}`,
  );
}

/** true or false. */
export const boolean: Shape<boolean> = leaf((value) =>
  typeof value === "boolean" ? undefined : `expected true or false, found ${kindOf(value)}`,
);

/** A list of equal shapes. */
export function list<T>(item: Shape<T>): Shape<T[]> {
  return {
    optional: false,
    secrets: [],
    problems(value, path, depth) {
      if (value === undefined) return [{ path, reason: "missing" }];
      if (value === unknownValue) return [];
      if (!Array.isArray(value)) return [{ path, reason: `expected a list, found ${kindOf(value)}` }];
      return value.flatMap((child, index) => item.problems(child, [...path, index], depth));
    },
  };
}

/** An object with any keys and equal shapes. */
export function record<T>(item: Shape<T>): Shape<Record<string, T>> {
  return {
    optional: false,
    secrets: [],
    problems(value, path, depth) {
      return inMap(value, path, (map) =>
        Object.entries(map).flatMap(([key, child]) => item.problems(child, [...path, key], depth)),
      );
    },
  };
}

type Fields = Record<string, Shape<unknown>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Shaped<F[K]> ? K : never }[keyof F];
/** The TypeScript type of an object with these fields. */
export type Fitting<F extends Fields> = { [K in Exclude<keyof F, OptionalKeys<F>>]: Shaped<F[K]> } & {
  [K in OptionalKeys<F>]?: Shaped<F[K]>;
};

/** An object with exactly these keys. */
export function object<F extends Fields>(fields: F): Shape<Fitting<F>> {
  const names = Object.keys(fields);
  return {
    optional: false,
    keys: names,
    secrets: Object.entries(fields).flatMap(([key, shape]) => shape.secrets.map((path) => [key, ...path])),
    problems(value, path, depth) {
      return inMap(value, path, (map) => {
        const present = Object.entries(fields).flatMap(([key, shape]) => {
          const child = map[key];
          return child === undefined && shape.optional ? [] : shape.problems(child, [...path, key], depth);
        });
        const unknown = Object.keys(map).filter((key) => !Object.hasOwn(fields, key));
        return [
          ...present,
          ...unknown.map((key) => ({ path: [...path, key], reason: unknownKey(key, names) })),
        ];
      });
    },
  };
}

/** The same shape, which may be left out. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return { optional: true, secrets: shape.secrets, problems: shape.problems };
}

/** The same shape, always secret in state and output. */
export function secret<T>(shape: Shape<T>): Shape<T> {
  return { ...shape, secrets: [[]] };
}

/** The same shape with a further check of the whole value, made only when nothing in it is wrong or unknown. */
export function refined<T>(shape: Shape<T>, check: (value: T, path: Path) => PropertyProblem[]): Shape<T> {
  return {
    ...shape,
    problems(value, path, depth) {
      const problems = shape.problems(value, path, depth);
      if (depth === "structure" || problems.length > 0 || value === undefined || hasUnknown(value))
        return problems;
      return fits(shape, value) ? check(value, path) : problems;
    },
  };
}

/** One line for people: the path and what is wrong with it. */
export function problemText(problem: PropertyProblem): string {
  return `${pathText(problem.path)}: ${problem.reason}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return meant === undefined
    ? `unknown property; known: ${known.join(", ")}`
    : `unknown property; did you mean ${meant}?`;
}

function inMap(
  value: PlainValue | undefined,
  path: Path,
  check: (map: PlainMap) => PropertyProblem[],
): PropertyProblem[] {
  if (value === undefined) return [{ path, reason: "missing" }];
  if (value === unknownValue) return [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ path, reason: `expected an object, found ${kindOf(value)}` }];
  }
  return check(value);
}

function kindOf(value: PlainValue): string {
  if (value === null) return "nothing";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
