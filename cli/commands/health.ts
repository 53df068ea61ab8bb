import { healthSummary } from "../health-body.ts";
import { exitCode, probeHealth, whyUnreached } from "../health-probe.ts";
import { readOutputs } from "../stack.ts";

/** `poolkit health`: the summary (or, as JSON, the endpoint's own body) and an exit code a script can use. */
export async function health(stack: string, json: boolean): Promise<number> {
  const probe = await probeHealth(await readOutputs(stack));
  if (json) {
    const body = probe.reached
      ? probe.body
      : { status: "fail", cause: "unreachable", output: whyUnreached(probe, stack) };
    process.stdout.write(`${JSON.stringify(body)}\n`);
  } else if (probe.reached) {
    process.stdout.write(`${healthSummary(probe.body)}\n`);
  } else {
    process.stdout.write(`health       unreachable: ${whyUnreached(probe, stack)}\n`);
  }
  return exitCode(probe);
}
