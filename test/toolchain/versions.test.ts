import { describe, expect, it } from "vitest";
import { compareVersions, inRange, parseVersion } from "../../toolchain/lib/versions.mjs";

describe("versions", () => {
  it.each([
    ["v24.12.0", [24, 12, 0]],
    ["go version go1.26.8 linux/amd64", [1, 26, 8]],
    ["3.259.0-alpha.1", [3, 259, 0]],
    ["v3.249", [3, 249, 0]],
    ["no version", undefined],
  ])("reads %s", (text, expected) => {
    expect(parseVersion(text)).toEqual(expected);
  });

  it("orders by number, not by text", () => {
    expect(compareVersions([3, 100, 0], [3, 99, 9])).toBeGreaterThan(0);
    expect(compareVersions([3, 9, 0], [3, 9, 0])).toBe(0);
  });

  it.each<[[number, number, number], string, boolean]>([
    [[3, 249, 0], ">=3.249.0 <4.0.0", true],
    [[3, 248, 9], ">=3.249.0 <4.0.0", false],
    [[4, 0, 0], ">=3.249.0 <4.0.0", false],
    [[4, 0, 0], ">=3.249.0 <=4", true],
    [[24, 11, 9], ">=24.12", false],
    [[24, 12, 0], ">=24.12", true],
    [[24, 12, 0], ">= 24.12, < 25", true],
    [[3, 250, 0], ">3.250.0", false],
    [[3, 250, 0], "3.250.0", true],
    [[3, 250, 1], "=3.250.0", false],
  ])("%j in %s is %s", (version, range, expected) => {
    expect(inRange(version, range)).toBe(expected);
  });

  it.each(["^3.0.0", ">=3 || <2", "latest", ""])(
    "refuses a range that it does not understand: %j",
    (range) => {
      expect(() => inRange([3, 0, 0], range)).toThrow("not understood");
    },
  );
});
