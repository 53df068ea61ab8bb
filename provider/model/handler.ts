import { type Path, pathText } from "../protocol/paths.ts";
import { hasUnknown, type PlainMap, type PlainValue } from "../protocol/secrets.ts";
import { unknownValue } from "../protocol/values.ts";
import { changesBetween, type PropertyChange } from "./diff.ts";
import { IncompleteResource, PartialFailure, UserError } from "./errors.ts";
import type { Context, Resource } from "./resource.ts";
import { fits, type PropertyProblem, problemText } from "./shape.ts";

/** What a change would do. */
export interface Difference {
  readonly changes: readonly (PropertyChange & { readonly replaces: boolean; readonly isInput: boolean })[];
}

/** What Pulumi has of a resource before an operation. */
interface Former {
  readonly state: PlainMap;
  readonly inputs: PlainMap;
}

/** A resource type as the protocol sees it: properties in, properties out. */
export interface Handler {
  /** Paths that are always secret in state and output. */
  readonly secrets: readonly Path[];
  check(inputs: PlainMap): { inputs: PlainMap; problems: PropertyProblem[] };
  diff(state: PlainMap, formerInputs: PlainMap, inputs: PlainMap): Difference;
  /** State that the operation would lead to, as far as it is known before; `former` is that of an update. */
  preview(inputs: PlainMap, former?: Former): { id: string; state: PlainMap };
  create(inputs: PlainMap, context: Context): Promise<{ id: string; state: PlainMap }>;
  read(
    inputs: PlainMap,
    state: PlainMap,
    context: Context,
  ): Promise<{ inputs: PlainMap; state: PlainMap } | undefined>;
  update(inputs: PlainMap, former: Former, context: Context): Promise<PlainMap>;
  delete(inputs: PlainMap, state: PlainMap, context: Context): Promise<void>;
}

/** Puts a typed resource behind the untyped protocol: everything that comes in is checked against its shape. */
export function handlerOf<I extends PlainMap, O extends PlainMap>(resource: Resource<I, O>): Handler {
  const known = (properties: PlainMap): I => {
    if (fits(resource.inputs, properties)) return properties;
    const problems = resource.inputs.problems(properties, [], "structure").map(problemText);
    throw new UserError(`its inputs do not fit this version of the plugin: ${problems.join("; ")}`);
  };
  const planned = (properties: PlainMap, former?: PlainMap, outputs?: Partial<O>): Partial<O> =>
    hasUnknown(properties)
      ? {}
      : resource.plan(
          known(properties),
          former && fits(resource.inputs, former) ? former : undefined,
          outputs,
        );

  /**
   * The inputs that the resource has really come to. Of an update that failed half way Pulumi keeps the former inputs and
   * the new state (pulumi/pulumi#2011), so the state says it; but not of what changes without an update.
   */
  const reached = ({ state, inputs }: Former): PlainMap => {
    const { keys = [] } = resource.inputs;
    const isIgnored = (key: string) => resource.ignore.includes(key);
    const found = {
      ...entriesOf(inputs, isIgnored),
      ...entriesOf(state, (key) => keys.includes(key) && !isIgnored(key)),
    };
    return fits(resource.inputs, found) ? found : inputs;
  };

  /** What the state has besides those inputs. */
  const outputsOf = (state: PlainMap, inputs: PlainMap) =>
    entriesOf(state, (key) => !(key in inputs)) as Partial<O>;

  return {
    secrets: resource.inputs.secrets,
    check(given) {
      const inputs = { ...resource.defaults, ...given };
      return { inputs, problems: resource.inputs.problems(inputs, []) };
    },
    diff(state, formerInputs, inputs) {
      const changes = changesBetween(reached({ state, inputs: formerInputs }), inputs)
        .map((change) => ({ ...change, replaces: isAt(resource.replaceOn, change.path), isInput: true }))
        .filter(({ path, replaces }) => replaces || !isAt(resource.ignore, path));
      if (changes.length > 0) return { changes };
      // The same inputs, but the last reading found other results: somebody changed what the inputs do not show.
      const results = changesBetween(pick(state, planned(inputs)), planned(inputs));
      return { changes: results.map((change) => ({ ...change, replaces: false, isInput: false })) };
    },
    preview(inputs, former) {
      const id = hasUnknown(inputs) ? "" : resource.id(known(inputs));
      if (former === undefined) return { id, state: { ...inputs, ...planned(inputs) } };
      const last = reached(former);
      return { id, state: { ...inputs, ...planned(inputs, last, outputsOf(former.state, last)) } };
    },
    async create(properties, context) {
      const inputs = known(properties);
      const id = resource.id(inputs);
      return { id, state: await stateOf(id, inputs, resource.create(inputs, context)) };
    },
    async read(properties, state, context) {
      const inputs = known(reached({ state, inputs: properties }));
      const found = await resource.read(inputs, outputsOf(state, inputs), context);
      return found && { inputs: found.inputs, state: { ...found.inputs, ...found.outputs } };
    },
    async update(properties, former, context) {
      const inputs = known(properties);
      const last = reached(former);
      // A state of an older version may not fit any more; then there is nothing former to compare with.
      const from = fits(resource.inputs, last) ? last : inputs;
      const updated = resource.update(inputs, from, context, outputsOf(former.state, last));
      return stateOf(resource.id(inputs), inputs, updated);
    },
    async delete(properties, state, context) {
      const inputs = reached({ state, inputs: properties });
      if (fits(resource.inputs, inputs)) await resource.delete(inputs, context);
    },
  };
}

/** Whether one of the names is the path's first key or all of it. */
function isAt(names: readonly string[], path: Path): boolean {
  return names.some((name) => name === path[0] || name === pathText(path));
}

async function stateOf(id: string, inputs: PlainMap, operation: Promise<PlainMap>): Promise<PlainMap> {
  try {
    return { ...inputs, ...(await operation) };
  } catch (error) {
    throw error instanceof PartialFailure ? new IncompleteResource(error, id, inputs) : error;
  }
}

function entriesOf(map: PlainMap, isWanted: (key: string) => boolean): PlainMap {
  return Object.fromEntries(Object.entries(map).filter(([key]) => isWanted(key)));
}

function pick(state: PlainMap, keys: PlainMap): PlainMap {
  const kept = Object.entries(state).filter(([key]) => key in keys);
  return Object.fromEntries(kept.map(([key, value]): [string, PlainValue] => [key, value ?? unknownValue]));
}
