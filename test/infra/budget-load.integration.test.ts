import { describe, expect, it } from "vitest";
import { falseAccepts, falseRefusals, prove } from "../../bench/budget/prove.ts";
import { engineAvailable } from "../support/postgres18.ts";

/** A small sample of `npm run prove:budget`, with a seed of its own. */
const configurations = 20;

describe.skipIf(!(await engineAvailable()))("the proof, on real Postgres and PgBouncer", () => {
  it("accepts no configuration that a load breaks, and refuses few that it does not", async () => {
    const outcomes = await prove(configurations, { seed: 5, lanes: 5 });
    expect(outcomes).toHaveLength(configurations);
    expect(falseAccepts(outcomes)).toEqual([]);
    const refused = outcomes.filter(({ refused }) => refused.length > 0);
    expect(refused.length).toBeGreaterThan(5);
    expect(refused.length).toBeLessThan(configurations);
    // What is refused by a few connections has room for what the load does not bring: backends given up, deployers.
    expect(falseRefusals(outcomes).length).toBeLessThan((refused.length * 2) / 3);
  }, 240_000);
});
