// @ts-check
/** @import { Reporter, TestModule } from "vitest/node" */

/**
 * The files that took longest, the longest first: what test/support/longest-first.ts is ordered by.
 * @param {{ name: string, milliseconds: number }[]} files
 * @param {number} [count]
 * @returns {string[]} one line each; none where all files would be shown
 */
export function slowestFiles(files, count = 10) {
  if (files.length <= count) return [];
  return files
    .toSorted((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, count)
    .map(({ name, milliseconds }) => `${(milliseconds / 1000).toFixed(1).padStart(6)} s  ${name}`);
}

/**
 * A reporter of vitest's that says them at the end of a run. The JSON report will not do: it leaves out hooks, in which
 * most stacks come up.
 * @implements {Reporter}
 */
export default class SlowestFiles {
  /** @param {readonly TestModule[]} modules */
  onTestRunEnd(modules) {
    const lines = slowestFiles(
      modules.map((module) => ({
        name: module.relativeModuleId,
        milliseconds: module.diagnostic().duration,
      })),
    );
    if (lines.length > 0) process.stdout.write(`\nslowest files\n${lines.join("\n")}\n\n`);
  }
}
