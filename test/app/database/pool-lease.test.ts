import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Circuit } from "../../../app/database/circuit.ts";
import { CUT_OFF_MESSAGE, PoolLease } from "../../../app/database/pool-lease.ts";
import { FakePool, settings } from "../fixtures/fake-pool.ts";

function lease(connectionLimit = 1): PoolLease {
  const circuit = new Circuit({ isReachable: async () => true, onChange: () => {} });
  return new PoolLease(new FakePool(settings(connectionLimit)), circuit);
}

describe("waiting", () => {
  it.each<[string, number, number[], number | null]>([
    ["nobody where nothing runs", 1, [], null],
    ["nobody while every piece has a connection", 2, [7, 8], null],
    ["the first that has none", 2, [7, 8, 9, 12], 9],
    ["a transaction that enters late by its begin", 1, [10, 9, 100], 10],
  ])("is %s", (_, limit, moments, waitingSince) => {
    const held = lease(limit);
    const pieces = moments.map((since) => ({ since }));
    for (const piece of pieces) held.enter(piece);
    expect(held.waitingSince).toBe(waitingSince);
    const waiting = pieces.filter((piece) => held.isWaiting(piece)).map(({ since }) => since);
    expect(waiting).toEqual(moments.filter((since) => waitingSince !== null && since >= waitingSince));
  });
});

describe("idle", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("comes with the end of the last piece, however often the first one ends", async () => {
    const held = lease();
    const [endFirst, endSecond] = [held.enter({ since: 1 }), held.enter({ since: 2 })];
    const ended = vi.fn<(hasEnded: boolean) => void>();
    void held.idle(1000).then(ended);
    endFirst();
    endFirst();
    await vi.advanceTimersByTimeAsync(999);
    expect(ended).not.toHaveBeenCalled();
    endSecond();
    await vi.advanceTimersByTimeAsync(0);
    expect(ended).toHaveBeenCalledExactlyOnceWith(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives up at its deadline, and waits anew when it is asked again", async () => {
    const held = lease();
    const end = held.enter({ since: 1 });
    const first = held.idle(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await first).toBe(false);
    const second = held.idle(null);
    end();
    expect(await second).toBe(true);
  });

  it("gives up when the work is cut off", async () => {
    const held = lease();
    held.enter({ since: 1 });
    const idle = held.idle(null);
    held.cutOff();
    expect(await idle).toBe(false);
  });
});

describe("cutOff", () => {
  it("answers and counts each call that has no answer, once", async () => {
    const held = lease();
    const failure = new Error("of the database");
    expect(await held.answer(Promise.resolve("rows"))).toBe("rows");
    await expect(held.answer(Promise.reject(failure))).rejects.toBe(failure);
    const left = [held.answer(new Promise(() => {})), held.answer(new Promise(() => {}))];
    const answers = Promise.allSettled(left);
    expect(held.isCutOff).toBe(false);
    expect(held.cutOff()).toBe(2);
    expect(held.isCutOff).toBe(true);
    const refusal = { status: "rejected", reason: { message: CUT_OFF_MESSAGE } };
    expect(await answers).toMatchObject([refusal, refusal]);
    expect(held.cutOff()).toBe(0);
  });
});
