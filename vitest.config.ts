import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/**
 * Four projects: `unit` needs neither Docker nor network, `integration` needs Docker Engine, `contract` compares
 * what two rooms must agree on, `e2e` drives real stacks with the real Pulumi engine.
 *
 * First the quick ones, then the others, three files at a time: each has its own containers, names and ports and waits
 * for them more than it computes. One that fails is tried once more, and the run's end names it with its first failure.
 */
const quick = {
  sequence: { groupOrder: 0 },
  maxWorkers: 4,
  // Files share their worker with the packages that it has loaded: a third of the time.
  isolate: false,
  setupFiles: "test/support/fresh-modules.ts",
};
const slow = {
  sequence: { groupOrder: 1 },
  maxWorkers: 3,
  retry: 1,
  globalSetup: "test/support/shared-images.ts",
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...quick,
          name: "unit",
          // Some start a process; on a busy machine that alone takes seconds.
          testTimeout: 20_000,
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/contract/**", "test/**/*.integration.test.ts"],
        },
      },
      {
        test: {
          ...quick,
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...slow,
          name: "integration",
          include: ["test/**/*.integration.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          ...slow,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
