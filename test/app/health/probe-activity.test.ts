import { describe, expect, it } from "vitest";
import { type ActivityRow, activityOf } from "../../../app/health/probe-activity.ts";

const row = (change: Partial<ActivityRow>): ActivityRow => ({
  pid: 1,
  user: "app",
  application: "poolkit-app",
  state: "idle",
  is_client: true,
  is_here: true,
  seconds: 1,
  waited_seconds: null,
  blocked_by: null,
  ...change,
});

describe("activityOf", () => {
  it("sorts sessions by what they do, the longest first, and counts every client by state", () => {
    const seen = activityOf(
      [
        row({ pid: 1 }),
        row({ pid: 2, state: "active", seconds: 2.04 }),
        row({ pid: 3, state: "active", seconds: 9 }),
        row({ pid: 4, state: "idle in transaction (aborted)", seconds: 5 }),
        row({ pid: 5, state: "active", seconds: 40, waited_seconds: 0.31, blocked_by: [4, 4, 0, 77] }),
        row({ pid: 6, is_client: false, state: "active", seconds: 99 }),
        row({ pid: 7, is_here: false, state: "idle in transaction", seconds: 99 }),
        row({ pid: 8, application: "own", state: "active", seconds: 99 }),
        row({ pid: 9, state: null }),
      ],
      "own",
    );
    expect(seen.byState).toEqual({
      idle: 1,
      active: 4,
      "idle in transaction": 1,
      "idle in transaction (aborted)": 1,
      unknown: 1,
    });
    expect(seen.active.map(({ pid, seconds }) => [pid, seconds])).toEqual([
      [3, 9],
      [2, 2],
    ]);
    expect(seen.idleInTransaction.map(({ pid }) => pid)).toEqual([4]);
    expect(seen.lockWaits).toHaveLength(1);
    expect(seen.lockWaits[0]).toMatchObject({ pid: 5, waitedSeconds: 0.3, seconds: 40 });
    expect(seen.lockWaits[0]?.blockedBy.map(({ pid, state }) => [pid, state])).toEqual([
      [4, "idle in transaction (aborted)"],
      [0, "prepared transaction"],
      [77, "ended"],
    ]);
  });
});
