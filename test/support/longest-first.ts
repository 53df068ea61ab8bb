import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest on an idle machine, the longest first. They begin first, so that no worker is left alone with
 * one of them at the end. Only the order depends on this list, not what is run.
 */
const LONGEST: readonly string[] = [
  "e2e/observability",
  "e2e/interrupt",
  "e2e/doctor",
  "e2e/dev-stack",
  "e2e/lifecycle",
  "e2e/own-application",
  "e2e/drift",
  "app/health-causes.integration",
  "app/routes/imports.integration",
  "e2e/doctor-host",
  "app/processing/kills.integration",
  "app/failures.integration",
  "infra/budget-load.integration",
  "app/pool.integration",
  "toolchain/postgresql/golden.integration",
  "provider/postgres-config.integration",
  "e2e/command",
  "e2e/refusals",
  "app/metrics.integration",
  "provider/pgbouncer-config.integration",
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
