// What a deploy costs, as ratios measured side by side in one run, and what set-up costs, step by step. Start it in the
// environment of set-up: . .poolkit/env && npm run bench:deploy [-- cold]
// `cold` is set-up alone, of a fresh clone with an empty cache: 5 to 8 minutes.
import { join } from "node:path";
import { deploys } from "./deploys.ts";
import { coldSetUp, warmSetUp } from "./set-up.ts";

const root = join(import.meta.dirname, "../..");
const [lane] = process.argv.slice(2);
if (lane === "cold") {
  await coldSetUp(root);
} else if (lane === undefined) {
  await deploys(root);
  await warmSetUp(root);
} else {
  throw new Error(`${lane} is no lane; there is cold, and all others without one`);
}
