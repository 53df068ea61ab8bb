// @ts-check
import { SetupProblem } from "./lib/problem.mjs";
import { lastLines, run } from "./lib/processes.mjs";

const GENERATE_LIMIT_MS = 120_000;
const COMMAND = ["app/build.mjs", "--generate-only"];

/**
 * Brings the application's generated sources (Prisma's client) up to date: type check and tests import them. The
 * application's own build script knows when there is nothing to do.
 * @param {{ root: string, node: Promise<string>, packages: Promise<unknown> }} context resolving when these are there
 */
export async function generateSources({ root, node, packages }) {
  const [command] = await Promise.all([node, packages]);
  const done = await run(command, COMMAND, { cwd: root, timeoutMs: GENERATE_LIMIT_MS });
  if (done.code !== 0) {
    throw new SetupProblem("SOURCES_NOT_GENERATED", {
      what: "generating the application's sources failed",
      found: done.timedOut ? `no end after ${GENERATE_LIMIT_MS / 1000} s` : lastLines(done.output),
      fix: `correct what it says (prisma/schema.prisma?), then start again; by hand: node ${COMMAND.join(" ")}`,
    });
  }
  return { how: "Prisma's client", changed: false, value: undefined };
}
