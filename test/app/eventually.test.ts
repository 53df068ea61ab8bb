import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/load.ts";

describe("eventually", () => {
  it("returns when the check says true", async () => {
    let checks = 0;
    await eventually(async () => ++checks === 2);
    expect(checks).toBe(2);
  });

  it("throws where nothing came true in time", async () => {
    const never = eventually(async () => false, { timeoutMs: 50, what: "it" });
    await expect(never).rejects.toThrow("it did not come true within 50 ms");
  });

  it("throws where it came true too late", async () => {
    const late = async () => {
      await sleep(80);
      return true;
    };
    await expect(eventually(late, { timeoutMs: 20 })).rejects.toThrow("within 20 ms");
  });
});
