import { performance } from "node:perf_hooks";

export async function seconds(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error("the median of nothing");
  return (low + high) / 2;
}

export interface Pair {
  readonly a: number[];
  readonly b: number[];
}

/** Measures two actions in turn, A B B A, so that what else the machine does falls on both. */
export async function alternate(
  rounds: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
): Promise<Pair> {
  const pair: Pair = { a: [], b: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (["a", "b"] as const) : (["b", "a"] as const);
    for (const side of order) pair[side].push(await (side === "a" ? a : b)());
  }
  return pair;
}

/** The median of the ratios of neighbours, with the smallest and the largest. */
export function ratio({ a, b }: Pair): string {
  const ratios = a.map((value, index) => value / (b[index] ?? Number.NaN));
  return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
}

/**
 * The mean of the ratios of neighbours with its standard error, for effects smaller than what a machine does from one round
 * to the next: many short rounds. The mean is geometric, so that twice as much and half as much make one.
 */
export function meanRatio({ a, b }: Pair): string {
  const logarithms = a.map((value, index) => Math.log(value / (b[index] ?? Number.NaN)));
  const mean = average(logarithms);
  const variance = average(logarithms.map((value) => (value - mean) ** 2));
  const error = Math.sqrt(variance / (logarithms.length - 1));
  return `${Math.exp(mean).toFixed(3)} (standard error ${error.toFixed(3)})`;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function row(name: string, value: string, goal = ""): void {
  process.stdout.write(`${name.padEnd(58)} ${value.padEnd(26)} ${goal}\n`);
}
