// @ts-check

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ numFailedTests: number, numPassedTests: number, numPendingTests: number, numTodoTests: number,
 *   success: boolean, testResults: { name: string, status: string,
 *   assertionResults: { status: string, fullName: string, failureMessages: string[] }[] }[] }} VitestReport
 */

/**
 * What one vitest run counts, from its JSON report. A file that could not be loaded has no tests and counts as one
 * failure; so does a run without a report, and a run that failed for another reason than its tests (an error
 * outside of any test).
 * @param {VitestReport | undefined} report
 * @param {number} exitCode of vitest
 * @returns {Counts}
 */
export function countTests(report, exitCode) {
  if (!report) return { passed: 0, failed: 1, skipped: 0 };
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/**
 * The tests that failed once and passed on their second try, with why the first one failed: nothing to be silent about.
 * @param {VitestReport | undefined} report
 * @returns {string[]}
 */
export function secondTries(report) {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status, failureMessages }) => status === "passed" && failureMessages.length > 0)
      .map(
        ({ fullName, failureMessages }) => `${name}: ${fullName}\n  ${failureMessages[0]?.split("\n")[0]}`,
      ),
  );
}

/**
 * The closing line, as tools read it: `N passed, N failed`, with `, N skipped` when there are any.
 * @param {Counts[]} parts
 */
export function summaryLine(parts) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const part of parts) {
    total.passed += part.passed;
    total.failed += part.failed;
    total.skipped += part.skipped;
  }
  return `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`;
}
