import fc from "fast-check";
import { prediction, type Sample, samples } from "./draw.ts";
import { openLane } from "./lane.ts";
import { loadOf } from "./load.ts";

/** One configuration with what the budget said and what the load showed. */
export interface Outcome {
  readonly refused: readonly string[];
  readonly symptoms: readonly string[];
  readonly margins: Readonly<Record<string, number>>;
  readonly sample: Sample;
}

/** Runs `count` random configurations on real parts, `lanes` at a time. */
export async function prove(
  count: number,
  {
    seed,
    lanes,
    onOutcome = () => {},
  }: { seed: number; lanes: number; onOutcome?: (outcome: Outcome) => void },
): Promise<Outcome[]> {
  const queue = fc.sample(samples, { numRuns: count, seed });
  const outcomes: Outcome[] = [];
  const runLane = async () => {
    const lane = await openLane();
    try {
      for (let sample = queue.pop(); sample !== undefined; sample = queue.pop()) {
        const symptoms = await loadOf(sample, await lane.use(sample));
        const outcome = {
          ...prediction(sample),
          // What a broken connection says afterwards is a symptom where nobody said why it broke.
          symptoms: symptoms.size > 1 ? [...symptoms].filter((one) => one !== "after") : [...symptoms],
          sample,
        };
        outcomes.push(outcome);
        onOutcome(outcome);
      }
    } finally {
      await lane.remove();
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, runLane));
  for (const lane of ended) if (lane.status === "rejected") throw lane.reason;
  return outcomes;
}

/** Accepted by the budget, and yet the load reached a limit. */
export function falseAccepts(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ refused, symptoms }) => refused.length === 0 && symptoms.length > 0);
}

/** Refused by the budget, and the load reached no limit. */
export function falseRefusals(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ refused, symptoms }) => refused.length > 0 && symptoms.length === 0);
}
