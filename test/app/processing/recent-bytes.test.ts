import { describe, expect, it } from "vitest";
import { RecentBytes } from "../../../app/processing/recent-bytes.ts";

/** The pieces of a file; before each one, the offset from which on bytes are still needed. */
function read(...pieces: [neededFrom: number, text: string][]): RecentBytes {
  const bytes = new RecentBytes();
  for (const [neededFrom, text] of pieces) bytes.add(Buffer.from(text), neededFrom);
  return bytes;
}

describe("RecentBytes", () => {
  it("gives bytes of one piece, of several, and none of what has not come", () => {
    const bytes = read([0, "abc"], [0, "def"], [0, "gh"]);
    const ranges = [
      [1, 2],
      [2, 7],
      [0, 8],
      [3, 3],
      [7, 20],
    ] as const;
    expect(ranges.map(([from, to]) => bytes.between(from, to).toString())).toEqual([
      ...["b", "cdefg", "abcdefgh", "", "h"],
    ]);
    expect(bytes.end).toBe(8);
  });

  it("keeps a piece as long as one of its bytes is needed, and no longer: a file may be larger than memory", () => {
    expect(read([0, "abc"], [2, "def"]).between(0, 6).toString()).toBe("abcdef");
    expect(read([0, "abc"], [3, "def"]).between(0, 6).toString()).toBe("def");
    expect(read([0, "abc"], [3, "def"]).end).toBe(6);
  });
});
