import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest on an idle machine, the longest first. They begin first, so that no worker is left alone with
 * one of them at the end. Only the order depends on this list, not what is run.
 */
const LONGEST: readonly string[] = [
  "e2e/doctor",
  "e2e/lifecycle",
  "app/processing/kills.integration",
  "app/health-causes.integration",
  "e2e/own-application",
  "e2e/drift",
  "e2e/interrupt",
  "e2e/observability",
  "app/routes/imports.integration",
  "provider/postgres-config.integration",
  "e2e/budget",
  "e2e/data",
  "toolchain/postgresql/golden.integration",
  "infra/budget-load.integration",
  "app/failures.integration",
];

/** Whatever earlier runs left in vitest's cache, the order is the same on every machine. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index < 0 ? LONGEST.length : index;
    };
    return files.sort((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId));
  }
}
