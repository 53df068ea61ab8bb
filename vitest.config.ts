import { defineConfig } from "vitest/config";

/**
 * Four projects: `unit` needs neither Docker nor network, `integration` needs Docker Engine, `contract` compares
 * what two rooms must agree on, `e2e` drives real stacks with the real Pulumi engine.
 */
export default defineConfig({
  test: {
    // Unit tests wait more (child processes, time limits) than they compute; vitest's own choice is one less than cores.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/contract/**", "test/**/*.integration.test.ts"],
        },
      },
      {
        test: {
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/**/*.integration.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
