import type Docker from "dockerode";
import type { PlainMap } from "../protocol/secrets.ts";
import type { Shape } from "./shape.ts";

/** What an operation gets besides its inputs. */
export interface Context {
  /** Name of the stack, for labels. */
  readonly stack: string;
  /** Aborted by Ctrl-C (the engine's Cancel) and by the resource's custom timeout. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The engine that the provider is configured for. */
  docker(): Promise<Docker>;
}

/** Messages in Pulumi's output, attached to the resource. Secrets of the request are taken out on the way. */
export interface Log {
  info(message: string): void;
  warning(message: string): void;
}

/** What a resource is after an operation. */
export interface Reading<I, O> {
  readonly inputs: I;
  readonly outputs: O;
}

/** A top-level input, or one below it. */
export type InputPath<I> = (keyof I & string) | `${keyof I & string}.${string}`;

/**
 * A resource type: pure decisions (`inputs`, `outputs`, what a change does) and operations that touch the world.
 * `I` are its inputs, `O` what it computes from them or learns besides; the state holds both.
 */
export interface Resource<I extends PlainMap, O extends PlainMap> {
  readonly inputs: Shape<I>;
  /** Inputs that are filled in when they are left out. */
  readonly defaults: Partial<I>;
  /** Inputs whose change makes another resource of it, also below one that is ignored (`connection.database`). */
  readonly replaceOn: readonly InputPath<I>[];
  /** Top-level inputs that only say how to reach the thing: a change of theirs changes nothing. */
  readonly ignore: readonly (keyof I & string)[];
  /** Stable name of the thing in the world. */
  id(inputs: I): string;
  /**
   * What can be said before the operation runs; shown by a preview. Empty when nothing can. With `former` and its last
   * known `outputs` it is that of an update; without, only what depends on the inputs alone, because the last results
   * are compared with it.
   */
  plan(inputs: I, former?: I, outputs?: Partial<O>): Partial<O>;
  create(inputs: I, context: Context): Promise<O>;
  /** What is really there: undefined when it is gone. `outputs` are the last known ones. */
  read(inputs: I, outputs: Partial<O>, context: Context): Promise<Reading<I, O> | undefined>;
  update(inputs: I, former: I, context: Context, outputs: Partial<O>): Promise<O>;
  delete(inputs: I, context: Context): Promise<void>;
}
