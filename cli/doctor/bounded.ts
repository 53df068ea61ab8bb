import { type Failure, failureOf } from "./failure.ts";

/** What one look at a part of the stack gave, or why it gave nothing. */
export type Looked<Seen> =
  | { readonly ok: true; readonly seen: Seen; readonly milliseconds: number }
  | {
      readonly ok: false;
      readonly failure: Failure;
      readonly message: string;
      readonly milliseconds: number;
    };

/**
 * Runs one look within its own time limit and never rejects, so that a part that hangs or fails hides no other part.
 * `signal` is aborted at the limit: the look must let go of its sockets then, or the command could not end.
 */
export async function bounded<Seen>(
  limitMilliseconds: number,
  look: (signal: AbortSignal) => Promise<Seen>,
): Promise<Looked<Seen>> {
  const start = performance.now();
  const controller = new AbortController();
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`timeout: no answer within ${limitMilliseconds / 1000} s`));
    controller.abort();
  }, limitMilliseconds);
  const milliseconds = () => Math.round(performance.now() - start);
  try {
    const seen = await Promise.race([look(controller.signal), deadline]);
    return { ok: true, seen, milliseconds: milliseconds() };
  } catch (error) {
    const { failure, message } = failureOf(error);
    return { ok: false, failure, message, milliseconds: milliseconds() };
  } finally {
    clearTimeout(timer);
  }
}
