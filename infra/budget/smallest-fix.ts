import type { SizingInput } from "../sizing.ts";
import type { Check, Knob } from "./check.ts";
import { rangeOf } from "./range.ts";

/** One setting with the value that mends a check. */
export interface Fix {
  readonly path: string;
  readonly value: number;
}

/** Ids of the checks that do not hold under a configuration. */
export type Failing = (input: SizingInput) => ReadonlySet<string>;

/**
 * The smallest change of one setting after which `check` holds. Of several settings the first one whose change breaks
 * nothing else; undefined when no single setting can mend it.
 */
export function smallestFix(input: SizingInput, check: Check, failing: Failing): Fix | undefined {
  const before = failing(input);
  const found: { readonly fix: Fix; readonly breaks: number }[] = [];
  for (const knob of check.knobs) {
    const smallest = turned(input, check.id, knob, failing);
    if (smallest === undefined) continue;
    const { fix, breaks } = furthered(input, smallest, knob, failing, before);
    if (breaks === 0) return fix;
    found.push({ fix, breaks });
  }
  return found.sort((a, b) => a.breaks - b.breaks)[0]?.fix;
}

/** Turns the setting on in the same direction where that mends what the change itself has broken. */
function furthered(
  input: SizingInput,
  smallest: Fix,
  { figure, direction }: Knob,
  failing: Failing,
  before: ReadonlySet<string>,
): { readonly fix: Fix; readonly breaks: number } {
  const brokenBy = (fix: Fix) => [...failing(withFix(input, fix))].filter((id) => !before.has(id));
  const broken = brokenBy(smallest);
  let fix = smallest;
  for (const id of broken) {
    if (!brokenBy(fix).includes(id)) continue;
    const knob = { figure: { ...figure, value: fix.value, isUsers: true }, direction };
    fix = turned(withFix(input, fix), id, knob, failing) ?? fix;
  }
  const breaks = brokenBy(fix).length;
  return breaks === 0 ? { fix, breaks } : { fix: smallest, breaks: broken.length };
}

/** Bisects over the values of one setting; a check is monotone in each of its settings. */
function turned(
  input: SizingInput,
  id: string,
  { figure, direction }: Knob,
  failing: Failing,
): Fix | undefined {
  const range = rangeOf(figure.path);
  if (range === undefined) return undefined;
  const mends = (value: number) => !failing(withFix(input, { path: figure.path, value })).has(id);
  // Where 0 means "no limit" it lies above every other value.
  const isUnlimited = figure.value < range.min && direction === "down";
  let bad = isUnlimited ? range.max + 1 : Math.trunc(Math.min(figure.value, range.max + 1));
  let good = direction === "up" ? range.max : range.min;
  if ((direction === "up" ? bad >= good : bad <= good) || !mends(good)) return undefined;
  while (Math.abs(good - bad) > 1) {
    const middle = Math.trunc((good + bad) / 2);
    if (mends(middle)) good = middle;
    else bad = middle;
  }
  return { path: figure.path, value: good };
}

/** The configuration after `pulumi config set --path poolkit:<path> <value>`. */
export function withFix(input: SizingInput, { path, value }: Fix): SizingInput {
  const [room, ...keys] = path.split(".");
  if (room === "overrides" || room === "pgbouncer" || room === "budget" || room === "application") {
    return { ...input, [room]: set(input[room], keys, value) };
  }
  return input;
}

function set(target: unknown, [key, ...rest]: readonly string[], value: number): Record<string, unknown> {
  const object = typeof target === "object" && target !== null ? { ...target } : {};
  if (key === undefined) return object;
  const inner: unknown = Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined;
  return { ...object, [key]: rest.length === 0 ? value : set(inner, rest, value) };
}
