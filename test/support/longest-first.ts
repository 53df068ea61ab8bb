import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest on an idle machine, the longest first. They begin first, so that no worker is left alone with
 * one of them at the end. Only the order depends on this list, not what is run.
 */
const LONGEST: readonly string[] = [
  "e2e/doctor",
  "e2e/observability",
  "e2e/dev-stack",
  "e2e/interrupt",
  "e2e/own-application",
  "app/health-causes.integration",
  "e2e/lifecycle",
  "e2e/drift",
  "provider/pgbouncer-config.integration",
  "app/processing/kills.integration",
  "e2e/doctor-host",
  "app/routes/imports.integration",
  "app/failures.integration",
  "infra/budget-pools.integration",
  "toolchain/postgresql/golden.integration",
  "app/health-looks.integration",
  "app/pool.integration",
  "provider/postgres-config.integration",
  "infra/budget-load.integration",
  "e2e/refusals",
  "e2e/command",
  "app/health.integration",
  "app/metrics.integration",
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
