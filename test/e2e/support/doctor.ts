import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Project, Ran } from "./project.ts";
import type { TestStack } from "./stack.ts";

interface Finding {
  readonly severity: string;
  readonly cause: string;
  readonly evidence: string[];
  readonly command: string;
}

/** What `poolkit doctor --json` said, and how it ended. */
export interface DoctorReport {
  readonly status: string;
  readonly findings: Finding[];
  readonly code: number | null;
  readonly causes: string[];
  readonly all: string;
}

type Doctor = (env?: NodeJS.ProcessEnv) => Promise<DoctorReport>;

/** The command `poolkit` beside a stack, and all that it has printed. */
export function doctorOf(project: Project, stack: () => TestStack) {
  const printed: string[] = [];

  const run = async (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran> => {
    const ran = await project.run("node", ["cli/poolkit.js", ...args, ...stack().flag], { env });
    printed.push(ran.text);
    return ran;
  };
  const poolkit = (...args: string[]) => run(args);

  /** What the doctor says, within the 10 s that it promises. */
  const doctor: Doctor = async (env) => {
    const start = performance.now();
    const { code, text } = await run(["doctor", "--json"], env);
    expect(performance.now() - start, text).toBeLessThan(10_000);
    const report: Pick<DoctorReport, "status" | "findings"> = JSON.parse(text);
    return { ...report, code, causes: report.findings.map(({ cause }) => cause), all: text };
  };

  /**
   * The first report that has all of `wanted` ("fail dns", or "dns" of any severity): looks of the application are shared
   * for up to a second, and what waits or sleeps is a finding only when it has done so for a while.
   */
  const doctorSees = async (...wanted: string[]): Promise<DoctorReport> => {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const report = await doctor();
      const seen = report.findings.flatMap(({ severity, cause }) => [cause, `${severity} ${cause}`]);
      if (wanted.every((finding) => seen.includes(finding))) return report;
      if (performance.now() > deadline) throw new Error(`${wanted.join(", ")} not found: ${report.all}`);
      await sleep(200);
    }
  };

  /** Nothing is found, within 40 s (PgBouncer tries again every server_login_retry, health checks every 10 s). */
  const nothingFound = async (): Promise<void> => {
    await expect
      .poll(async () => (await doctor()).all, { timeout: 40_000, interval: 200 })
      .toContain('"findings":[]');
  };

  /** The same after health, which is asked first because it answers in milliseconds, says that all is well. */
  const allWell = async (): Promise<void> => {
    await expect.poll(() => healthOf(stack()), { timeout: 40_000, interval: 50 }).toBe("pass");
    await nothingFound();
  };

  return { poolkit, doctor, doctorSees, nothingFound, allWell, printed };
}

/** The cause that the application's health names, "pass" where there is none, "unreachable" without an answer. */
export async function healthOf(stack: TestStack): Promise<string> {
  try {
    const { status, cause } = (await stack.health()).body;
    return status === "pass" ? "pass" : String(cause);
  } catch {
    return "unreachable";
  }
}
