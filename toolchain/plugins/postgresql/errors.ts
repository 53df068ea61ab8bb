import type { DatabaseError } from "pg";
import type { Properties } from "./value.ts";

/** An operation that failed after the resource was made or half changed: the engine keeps `properties` as state. */
export class PartialFailure extends Error {
  readonly id: string;
  readonly properties: Properties;

  constructor(message: string, id: string, properties: Properties) {
    super(message);
    this.name = "PartialFailure";
    this.id = id;
    this.properties = properties;
  }
}

/** Reading that got only so far. */
export class ReadFailure extends Error {
  readonly state: Properties;

  constructor(cause: unknown, state: Properties) {
    super(errorText(cause), { cause });
    this.name = "ReadFailure";
    this.state = state;
  }
}

/** The text of an error in the official plugin's form: server errors as its driver prints them. */
export function errorText(error: unknown): string {
  if (isDatabaseError(error)) {
    const position = error.position ? ` at column ${error.position}` : "";
    return `pq: ${error.message}${position} (${error.code})`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** True for an error that the server sent. The driver itself is loaded only when something connects. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && "severity" in error && "code" in error;
}

/**
 * Runs a step and puts what was being done before the text of its error.
 * @throws Error `<what>: <text>` with the original error as its cause.
 */
export async function during<T>(what: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw new Error(`${what}: ${errorText(error)}`, { cause: error });
  }
}

/** How the official plugin reports the one error of an operation. */
export function oneError(error: unknown): string {
  return `1 error occurred:\n\t* ${errorText(error)}\n\n`;
}
