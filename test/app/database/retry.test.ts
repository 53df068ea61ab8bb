import { describe, expect, it } from "vitest";
import { FAILURES, type FailureKind } from "../../../app/database/database-failure.ts";
import { mayRepeat, type Repeatable, RetryCounts, repeatAfter } from "../../../app/database/retry.ts";
import { RetryClock } from "../../../app/database/retry-clock.ts";
import { idempotent, withCaller } from "../../../app/database/work-context.ts";

const KINDS = Object.keys(FAILURES) as FailureKind[];
const UNITS: Repeatable[] = ["read", "write", "begin", "transaction"];
const reset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
const refused = () => Object.assign(new Error("refused"), { code: "ECONNREFUSED" });

describe("mayRepeat", () => {
  it("never repeats a write that may have been done", () => {
    const unknown = KINDS.filter((kind) => FAILURES[kind].phase === "unknown");
    expect(unknown).toEqual(["connection_lost", "cut_off"]);
    for (const kind of unknown.filter((kind) => kind !== "cut_off")) {
      expect(mayRepeat(kind, "write", false)).toBe(false);
      expect(mayRepeat(kind, "transaction", false)).toBe(false);
      expect(mayRepeat(kind, "read", false)).toBe(true);
      expect(mayRepeat(kind, "begin", false)).toBe(true);
      expect(UNITS.every((unit) => mayRepeat(kind, unit, true))).toBe(true);
    }
  });

  it("never repeats what was answered because the pool had to be closed", () => {
    expect(UNITS.filter((unit) => mayRepeat("cut_off", unit, true))).toEqual([]);
  });

  it("repeats every statement that never reached Postgres, except where it would fail again", () => {
    const repeated = KINDS.filter(
      (kind) => FAILURES[kind].phase === "connect" && mayRepeat(kind, "write", false),
    );
    const not = KINDS.filter((kind) => FAILURES[kind].phase === "connect" && !repeated.includes(kind));
    expect(not).toEqual(["login", "startup_parameter", "tls", "pool_closed", "circuit_open"]);
  });

  it("repeats a whole transaction only after a conflict or a begin that never came", () => {
    expect(KINDS.filter((kind) => mayRepeat(kind, "transaction", false))).toEqual([
      "transaction_start",
      "write_conflict",
    ]);
  });

  it("repeats no begin that nobody waits for any more", () => {
    expect(KINDS.filter((kind) => mayRepeat(kind, "abandoned", true))).toEqual([]);
  });

  it("repeats nothing that Postgres has answered, but a conflict", () => {
    for (const kind of KINDS.filter((kind) => FAILURES[kind].phase === "answered")) {
      expect(mayRepeat(kind, "read", true), kind).toBe(kind === "write_conflict");
    }
  });
});

/** Repeats after `first` with attempts that fail as `failures` says, then succeed. */
async function repeated(
  first: Error,
  {
    what = "read" as Repeatable,
    failures = [] as Error[],
    budgetMs = 60_000,
    clock = new RetryClock(),
    pauses = [] as number[],
  } = {},
) {
  const counts = new RetryCounts();
  let attempts = 1;
  const attempt = async () => {
    attempts += 1;
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return "done";
  };
  const startedAt = performance.now();
  const outcome = await repeatAfter(first, {
    attempt,
    what: () => what,
    startedAt,
    budgetMs,
    clock,
    counts,
    pause: async (durationMs) => {
      pauses.push(durationMs);
      return true;
    },
  }).catch((error: unknown) => error);
  return { outcome, attempts, counts };
}

describe("repeatAfter", () => {
  it("repeats until it succeeds, and counts why", async () => {
    const { outcome, attempts, counts } = await repeated(reset(), { failures: [refused(), reset()] });
    expect(outcome).toBe("done");
    expect(attempts).toBe(4);
    expect(counts).toEqual({ attempts: { connection_lost: 2, unreachable: 1 }, gaveUp: 0 });
  });

  it("stops at a failure that must not be repeated, with that failure", async () => {
    const answer = new Error("Query failed");
    const { outcome, attempts } = await repeated(refused(), { failures: [answer] });
    expect(outcome).toBe(answer);
    expect(attempts).toBe(2);
  });

  it("does not repeat a lost write, unless it is declared idempotent", async () => {
    const first = reset();
    expect(await repeated(first, { what: "write" })).toMatchObject({ outcome: first, attempts: 1 });
    expect(await idempotent(() => repeated(first, { what: "write" }))).toMatchObject({ outcome: "done" });
    expect(await repeated(refused(), { what: "write" })).toMatchObject({ outcome: "done" });
  });

  it("keeps the declaration inside of a caller that is named within", async () => {
    const inside = () => withCaller("job", () => repeated(reset(), { what: "write" }));
    expect(await idempotent(inside)).toMatchObject({ outcome: "done" });
  });

  it("begins no attempt after the budget, and says that it gave up", async () => {
    const first = refused();
    expect(await repeated(first, { budgetMs: 0 })).toMatchObject({
      outcome: first,
      attempts: 1,
      counts: { attempts: {}, gaveUp: 1 },
    });
  });

  it("spends none of the budget once it has ended", async () => {
    const clock = new RetryClock();
    await repeated(refused(), { clock });
    const spent = clock.elapsedMs();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(clock.elapsedMs()).toBe(spent);
  });

  it("begins no pause that would end after the budget", async () => {
    const clock = new RetryClock();
    clock.start(performance.now() - 10_000)();
    // About 30 ms of the budget are left, and pauses are drawn from 0 to 70 ms and more.
    const pauses: number[] = [];
    const budgetMs = clock.elapsedMs() + 30;
    const runs = Array.from({ length: 100 }, () => repeated(refused(), { clock, budgetMs, pauses }));
    const ended = await Promise.all(runs);
    expect(pauses.filter((durationMs) => durationMs > 30)).toEqual([]);
    expect(ended.filter(({ counts }) => counts.gaveUp === 1).length).toBeGreaterThan(20);
    for (const { attempts, counts } of ended) expect(attempts + counts.gaveUp).toBe(2);
  });

  it("gives up without another attempt when its pause is ended", async () => {
    const first = refused();
    const outcome = repeatAfter(first, {
      attempt: async () => "done",
      what: () => "read",
      startedAt: performance.now(),
      budgetMs: 60_000,
      clock: new RetryClock(),
      counts: new RetryCounts(),
      pause: async () => false,
    });
    await expect(outcome).rejects.toBe(first);
  });

  it("shares one budget among everything that a caller does, and counts failures side by side once", async () => {
    const clock = new RetryClock();
    const from = performance.now() - 1000;
    const stops = [clock.start(from), clock.start(from)];
    for (const stop of stops) stop();
    expect(clock.elapsedMs()).toBeGreaterThanOrEqual(1000);
    expect(clock.elapsedMs()).toBeLessThan(1900);
    expect(await repeated(refused(), { clock, budgetMs: 900 })).toMatchObject({ attempts: 1 });
    expect(await repeated(refused(), { clock, budgetMs: 60_000 })).toMatchObject({ attempts: 2 });
  });

  it("counts the time of a begin once, although its transaction began before it", async () => {
    const clock = new RetryClock();
    const now = performance.now();
    clock.start(now - 1000)();
    clock.start(now - 1500)();
    expect(clock.elapsedMs()).toBeGreaterThanOrEqual(1000);
    expect(clock.elapsedMs()).toBeLessThan(1400);
  });
});
