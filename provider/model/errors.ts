import type { PlainMap } from "../protocol/secrets.ts";

/**
 * A failure that the person can do something about: its message says what, where, found, allowed, what to do.
 * Shown without a stack.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";
}

/**
 * The resource is there but not as wanted; `outputs` say how far it got. Pulumi keeps it in the state and the next
 * `up` updates it. `inputs` are those that the state must not show as wanted, so that it is a change to come to them.
 */
export class PartialFailure extends UserError {
  readonly outputs: PlainMap;
  readonly inputs: PlainMap;
  constructor(message: string, outputs: PlainMap, inputs: PlainMap = {}) {
    super(message);
    this.outputs = outputs;
    this.inputs = inputs;
  }
}

/** A `PartialFailure` with all that Pulumi's state needs. */
export class IncompleteResource extends UserError {
  readonly id: string;
  readonly inputs: PlainMap;
  readonly state: PlainMap;
  constructor(cause: PartialFailure, id: string, inputs: PlainMap) {
    super(cause.message, { cause });
    this.id = id;
    this.inputs = { ...inputs, ...cause.inputs };
    this.state = { ...this.inputs, ...cause.outputs };
  }
}

/** One line for any thrown value; never empty (`AggregateError` of a refused connection has no message of its own). */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
