import type { PlainMap } from "../protocol/secrets.ts";

/**
 * A failure that the person can do something about: its message says what, where, found, allowed, what to do.
 * Shown without a stack.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";
}

/**
 * The resource is there but not as wanted. Pulumi keeps it in the state and the next `up` updates it. `inputs` are those
 * that are not as wanted, as they are: the state must not say that they are reached, or coming to them is no change.
 * Pulumi itself keeps the former inputs; the handler takes what was reached from the state.
 */
export class PartialFailure extends UserError {
  readonly inputs: PlainMap;
  constructor(message: string, inputs: PlainMap = {}) {
    super(message);
    this.inputs = inputs;
  }
}

/** A `PartialFailure` with all that Pulumi's state needs. */
export class IncompleteResource extends UserError {
  readonly id: string;
  /** Of the state, too: what it would have learned besides is not known. */
  readonly inputs: PlainMap;
  constructor(cause: PartialFailure, id: string, inputs: PlainMap) {
    super(cause.message, { cause });
    this.id = id;
    this.inputs = { ...inputs, ...cause.inputs };
  }
}

/** One line for any thrown value; never empty (`AggregateError` of a refused connection has no message of its own). */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
