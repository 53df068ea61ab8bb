import type { Resource } from "../model/resource.ts";
import { object, record, type Shaped, text } from "../model/shape.ts";

const inputs = object({ triggers: record(text()) });
type Inputs = Shaped<typeof inputs>;
type Outputs = { count: number };

/** `poolkit:index:ChangeCount`; see the class in provider/sdk for what it promises. */
export const changeCount: Resource<Inputs, Outputs> = {
  inputs,
  defaults: {},
  replaceOn: [],
  ignore: [],
  id: () => "change-count",
  plan: (_wanted, _former, outputs) => (outputs === undefined ? {} : next(outputs)),
  create: async () => next(),
  update: async (_wanted, _former, _context, outputs) => next(outputs),
  read: async (last, outputs) => ({ inputs: last, outputs: { count: 0, ...outputs } }),
  delete: async () => {},
};

function next({ count = 0 }: Partial<Outputs> = {}): Outputs {
  return { count: count + 1 };
}
