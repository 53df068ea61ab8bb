import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Circuit } from "../../../app/database/circuit.ts";
import { CircuitOpenError } from "../../../app/database/database-failure.ts";

const failing = (code: string) => () => Promise.reject(Object.assign(new Error("text"), { code }));

/** A breaker whose way is as `way.isOpen` says. */
function circuit() {
  const way = { isOpen: false, trials: 0, onTrial: () => {} };
  const states: string[] = [];
  const breaker = new Circuit({
    isReachable: async () => {
      way.trials += 1;
      way.onTrial();
      return way.isOpen;
    },
    onChange: (state) => states.push(state),
  });
  const fail = async (code: string, times: number) => {
    for (let call = 0; call < times; call++) await breaker.run(failing(code)).catch(() => {});
  };
  return { breaker, way, states, fail };
}

describe("Circuit", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("opens after five failures of the way in a row and then runs nothing", async () => {
    const { breaker, fail } = circuit();
    await fail("ECONNREFUSED", 4);
    expect(breaker.state).toBe("closed");
    await fail("ECONNREFUSED", 1);
    expect(breaker.state).toBe("open");
    let hasRun = false;
    const work = async () => {
      hasRun = true;
    };
    await expect(breaker.run(work)).rejects.toBeInstanceOf(CircuitOpenError);
    expect(hasRun).toBe(false);
  });

  it("forgets failures at a success", async () => {
    const { breaker, fail } = circuit();
    await fail("ECONNREFUSED", 4);
    await breaker.run(async () => {});
    await fail("ECONNREFUSED", 4);
    expect(breaker.state).toBe("closed");
  });

  it.each(["P2002", "57014", "53100"])("forgets failures when the database answers with %s", async (code) => {
    const { breaker, fail } = circuit();
    await fail("ECONNREFUSED", 4);
    await fail(code, 1);
    await fail("ECONNREFUSED", 4);
    expect(breaker.state).toBe("closed");
  });

  it.each(["53300", "ECONNRESET", ""])("counts on after %s, which says nothing of the way", async (code) => {
    const { breaker, fail } = circuit();
    await fail("ECONNREFUSED", 4);
    await fail(code, 1);
    await fail("ECONNREFUSED", 1);
    expect(breaker.state).toBe("open");
  });

  it.each(["P2002", "23505", "57014", "40001", "53300", "28P01", "ECONNRESET", "57P01", ""])(
    "never opens because of %s",
    async (code) => {
      const { breaker, fail } = circuit();
      await fail(code, 50);
      expect(breaker.state).toBe("closed");
    },
  );

  it("closes by itself when a trial gets through, without anybody's work", async () => {
    const { breaker, way, states, fail } = circuit();
    await fail("ECONNREFUSED", 5);
    await vi.advanceTimersByTimeAsync(3000);
    expect(way.trials).toBe(3);
    expect(breaker.state).toBe("open");
    way.isOpen = true;
    await vi.advanceTimersByTimeAsync(1000);
    expect(breaker.state).toBe("closed");
    expect(await breaker.run(async () => "done")).toBe("done");
    expect(states).toEqual([
      "open",
      ...["half_open", "open", "half_open", "open", "half_open", "open"],
      ...["half_open", "closed"],
    ]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(way.trials).toBe(4);
  });

  it.each([
    ["succeeds", async () => {}],
    ["fails", failing("ECONNREFUSED")],
  ])("leaves it to its trials when work from before it opened %s", async (_, outcome) => {
    const { breaker, states, fail } = circuit();
    const answer = Promise.withResolvers<void>();
    const work = breaker.run(() => answer.promise.then(outcome)).catch(() => {});
    await fail("ECONNREFUSED", 5);
    answer.resolve();
    await work;
    expect(states).toEqual(["open"]);
  });

  it("makes no trial after one that was under way at its end", async () => {
    const { breaker, way, fail } = circuit();
    way.onTrial = () => breaker.dispose();
    await fail("ECONNREFUSED", 5);
    await vi.advanceTimersByTimeAsync(5000);
    expect(way.trials).toBe(1);
  });

  it("makes no trial after its end", async () => {
    const { breaker, way, fail } = circuit();
    await fail("ECONNREFUSED", 5);
    breaker.dispose();
    await vi.advanceTimersByTimeAsync(5000);
    expect(way.trials).toBe(0);
  });
});
