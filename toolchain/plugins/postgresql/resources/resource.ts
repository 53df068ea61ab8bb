import type { Fields, State } from "../schema.ts";
import { zeroValue } from "../schema.ts";
import type { Server } from "../server/server.ts";
import { type Properties, stringList } from "../value.ts";

/**
 * A type of resource: what its properties are and how it is made, read, changed and dropped. The operations get
 * states with every field (null where not set) and throw what the user is to read.
 */
export interface ResourceType {
  fields: Fields;
  /** Whether a replacement drops the old object first: its name would be taken. */
  deleteBeforeReplace: "always" | "unless-autonamed" | "never";
  /** Makes the object and returns its id. `inputs` also hold what is kept in no state. */
  create(server: Server, planned: State, inputs: Properties): Promise<string>;
  /** The state as the server has it; undefined when the object is gone. `state.id` says which one. */
  read(server: Server, state: State): Promise<State | undefined>;
  /** Changes the object and returns the state to read back, with its (possibly new) id. */
  update(server: Server, prior: State, planned: State, inputs: Properties): Promise<State>;
  remove(server: Server, state: State): Promise<void>;
}

/** A text field; empty when not set. */
export function text(state: State, name: string): string {
  const value = state[name];
  return value === null || value === undefined ? "" : String(value);
}

/** A number field; 0 when not set. */
export function number(state: State, name: string): number {
  return Number(state[name] ?? 0);
}

/** A boolean field; false when not set. */
export function flag(state: State, name: string): boolean {
  return state[name] === true;
}

/** A list or set of texts; empty when not set. */
export function list(state: State, name: string): string[] {
  return stringList(state[name]);
}

/** True when a field means something else than before; not set and empty mean the same. */
export function changed(fields: Fields, prior: State, planned: State, name: string): boolean {
  const field = fields[name];
  if (!field) return false;
  const zero = zeroValue(field.type);
  return JSON.stringify(prior[name] ?? zero) !== JSON.stringify(planned[name] ?? zero);
}
