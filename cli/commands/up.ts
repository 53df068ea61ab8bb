import { setTimeout as sleep } from "node:timers/promises";
import { type HealthEndpoint, type Probe, probeHealth, probeText } from "../health-probe.ts";
import { runPulumi, runPulumiStep } from "../pulumi.ts";
import { reconcile, refresh } from "../reconcile.ts";
import { ensureStack, readOutputs } from "../stack.ts";

/** The application gives what it saw for at most so long. */
const lookLastsMs = 1_000;

/**
 * `poolkit up`: Pulumi's own update with its own output. Skips the preview because nobody is asked to confirm it; who
 * wants to see the plan first runs `pulumi up`. Returns Pulumi's exit code.
 */
export async function up(stack: string, pulumiOptions: readonly string[]): Promise<number> {
  await ensureStack(stack);
  const reconciled = await reconcile(stack);
  if (reconciled.code !== 0) return reconciled.code;
  const update = ["up", "--stack", stack, "--yes", "--skip-preview", ...pulumiOptions];
  const isAll = reconciled.unread.length === 0;
  let code = await (isAll ? runPulumi(update) : runPulumiStep(update));
  if (!isAll) {
    process.stderr.write("poolkit: an earlier update did not come to its end; looking at what it had done\n");
    const refreshed = await refresh(stack, reconciled.unread);
    if (code === 0) code = refreshed || (await runPulumi(update));
  }
  if (code === 0) await printWhereItIs(stack);
  return code;
}

async function printWhereItIs(stack: string): Promise<void> {
  const outputs = await readOutputs(stack);
  const probe = await healthAtRest(outputs);
  const next = [
    ["npx poolkit health", stack, "health again, exit code 0, 1 or 2"],
    ["npx poolkit status", stack, "addresses and limits"],
    ["npm run down --", stack, "remove it"],
  ];
  const lines = [
    "",
    `application  ${outputs.url}`,
    probeText(probe, stack),
    "",
    "Next:",
    ...next.map(([command, name, what]) => `  ${`${command} -s ${name}`.padEnd(36)} ${what}`),
    "  . .poolkit/env                       then plain pulumi: preview, up, stack output, config set ...",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/**
 * Health as the next one who asks finds it. The first look of a new application sees its first clients waiting while
 * PgBouncer still logs in to Postgres for them.
 */
async function healthAtRest(endpoint: HealthEndpoint): Promise<Probe> {
  const first = await probeHealth(endpoint);
  if (!first.reached || first.body.status !== "pass") return first;
  if (!first.body.pool?.pgbouncer?.pools?.some(({ cl_waiting }) => cl_waiting > 0)) return first;
  await sleep(lookLastsMs);
  return probeHealth(endpoint);
}
