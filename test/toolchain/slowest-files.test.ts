import { describe, expect, it } from "vitest";
import { slowestFiles } from "../../toolchain/slowest-files.mjs";

describe("slowestFiles", () => {
  const files = [
    { name: "test/a.test.ts", milliseconds: 1_500 },
    { name: "test/b.test.ts", milliseconds: 123_960 },
    { name: "test/c.test.ts", milliseconds: 20 },
  ];

  it("are the longest first", () => {
    expect(slowestFiles(files, 2)).toEqual([" 124.0 s  test/b.test.ts", "   1.5 s  test/a.test.ts"]);
  });

  it("are none where all of the few files would be shown", () => {
    expect(slowestFiles(files, 3)).toEqual([]);
  });
});
