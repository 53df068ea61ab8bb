import { describe, expect, it } from "vitest";
import { countTests, secondTries, summaryLine } from "../../toolchain/test-summary.mjs";

const file = (status: string, ...tests: string[]) => ({
  name: "some.test.ts",
  status,
  assertionResults: tests.map((test) => ({
    status: test,
    fullName: "does",
    failureMessages: [] as string[],
  })),
});
const report = (
  counts: Partial<Record<"passed" | "failed" | "pending" | "todo", number>>,
  ...files: object[]
) => ({
  numPassedTests: counts.passed ?? 0,
  numFailedTests: counts.failed ?? 0,
  numPendingTests: counts.pending ?? 0,
  numTodoTests: counts.todo ?? 0,
  success: false,
  testResults: files as ReturnType<typeof file>[],
});

describe("countTests", () => {
  it.each([
    ["all passed", report({ passed: 2 }, file("passed", "passed", "passed")), 0, [2, 0, 0]],
    ["one failed", report({ passed: 1, failed: 1 }, file("failed", "passed", "failed")), 1, [1, 1, 0]],
    ["skipped and to do", report({ passed: 1, pending: 2, todo: 1 }, file("passed", "passed")), 0, [1, 0, 3]],
    [
      "a file that does not load",
      report({ passed: 1 }, file("passed", "passed"), file("failed")),
      1,
      [1, 1, 0],
    ],
    ["an error outside of tests", report({ passed: 1 }, file("passed", "passed")), 1, [1, 1, 0]],
    ["no report", undefined, 0, [0, 1, 0]],
  ])("%s", (_name, given, exitCode, [passed, failed, skipped]) => {
    expect(countTests(given, exitCode)).toEqual({ passed, failed, skipped });
  });
});

describe("secondTries", () => {
  it("names what failed first and passed then, with its first failure", () => {
    const given = report({ passed: 2, failed: 1 }, file("failed", "passed", "passed", "failed"));
    given.testResults[0]?.assertionResults[1]?.failureMessages.push("AssertionError: 1 is not 2\n    at x");
    given.testResults[0]?.assertionResults[2]?.failureMessages.push("AssertionError: failed twice");
    expect(secondTries(given)).toEqual(["some.test.ts: does\n  AssertionError: 1 is not 2"]);
    expect(secondTries(undefined)).toEqual([]);
  });
});

describe("summaryLine", () => {
  it.each([
    [[{ passed: 3, failed: 0, skipped: 0 }], "3 passed, 0 failed"],
    [
      [
        { passed: 3, failed: 1, skipped: 0 },
        { passed: 0, failed: 1, skipped: 2 },
      ],
      "3 passed, 2 failed, 2 skipped",
    ],
  ])("%j", (parts, line) => {
    expect(summaryLine(parts)).toBe(line);
  });
});
