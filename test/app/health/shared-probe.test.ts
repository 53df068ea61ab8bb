import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SharedProbe } from "../../../app/health/shared-probe.ts";

/** A probe that ends when told to, and counts how often it was started. */
function controlled(freshForMs: number) {
  const pending: ((value: number) => void)[] = [];
  const probe = new SharedProbe(freshForMs, () => new Promise<number>((resolve) => pending.push(resolve)));
  return { probe, pending };
}

describe("SharedProbe", () => {
  it("starts one look for a hundred callers", async () => {
    const { probe, pending } = controlled(0);
    const calls = Array.from({ length: 100 }, () => probe.get());
    expect(pending).toHaveLength(1);
    pending[0]?.(7);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([7]));
  });

  it("gives a fresh result without another look", async () => {
    const { probe, pending } = controlled(60_000);
    const first = probe.get();
    pending[0]?.(1);
    await first;
    expect(await probe.get()).toBe(1);
    expect(pending).toHaveLength(1);
  });

  it("looks again when the result is old", async () => {
    const { probe, pending } = controlled(0);
    const first = probe.get();
    pending[0]?.(1);
    await first;
    const second = probe.get();
    pending[1]?.(2);
    expect(await second).toBe(2);
  });

  it("gives a result that has just grown old while the next look is under way, and waits for one that is too old", async () => {
    const { probe, pending } = controlled(100);
    const first = probe.get();
    pending[0]?.(1);
    await first;
    await sleep(120);
    expect(await probe.get()).toBe(1);
    expect(await probe.get()).toBe(1);
    expect(pending).toHaveLength(2);
    await sleep(120);
    const late = probe.get();
    pending[1]?.(2);
    expect(await late).toBe(2);
    expect(pending).toHaveLength(2);
  });

  it("keeps a result for as long as its look allows", async () => {
    const took: number[] = [];
    let looks = 0;
    const probe = new SharedProbe(
      (result: number, tookMs) => {
        took.push(tookMs);
        return result === 1 ? 60_000 : 0;
      },
      async () => {
        await sleep(30);
        looks += 1;
        return looks === 1 ? 0 : 1;
      },
    );
    expect(await probe.get()).toBe(0);
    expect(await probe.get()).toBe(1);
    expect(await probe.get()).toBe(1);
    expect(looks).toBe(2);
    for (const tookMs of took) expect(tookMs).toBeGreaterThan(25);
  });

  it("recovers from a look that fails", async () => {
    let calls = 0;
    const probe = new SharedProbe(60_000, async () => {
      calls += 1;
      if (calls === 1) throw new Error("first");
      return calls;
    });
    await expect(probe.get()).rejects.toThrow("first");
    expect(await probe.get()).toBe(2);
  });
});
