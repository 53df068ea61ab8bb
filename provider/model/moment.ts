import type { PlainMap } from "../protocol/secrets.ts";
import type { Context, Resource } from "./resource.ts";

type Moment<I extends PlainMap> = Resource<I, Record<never, never>>;

/**
 * The operations of a resource that is a moment, not a thing: it passes when it is made and whenever its inputs change;
 * there is nothing to read back or to remove.
 */
export function moment<I extends PlainMap>(
  pass: (wanted: I, context: Context) => Promise<Record<never, never>>,
): Pick<Moment<I>, "plan" | "create" | "update" | "read" | "delete"> {
  return {
    plan: () => ({}),
    create: pass,
    update: (wanted, _former, context) => pass(wanted, context),
    read: async (last) => ({ inputs: last, outputs: {} }),
    delete: async () => {},
  };
}
