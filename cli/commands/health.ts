import { exitCode, probeHealth, probeText, whyUnreached } from "../health-probe.ts";
import { readOutputs } from "../stack.ts";

/** `poolkit health`: the summary (or, as JSON, the endpoint's own body) and an exit code a script can use. */
export async function health(stack: string, json: boolean): Promise<number> {
  const probe = await probeHealth(await readOutputs(stack));
  if (json) {
    const body = probe.reached
      ? probe.body
      : { status: "fail", cause: "unreachable", output: whyUnreached(probe, stack) };
    process.stdout.write(`${JSON.stringify(body)}\n`);
  } else {
    process.stdout.write(`${probeText(probe, stack)}\n`);
  }
  return exitCode(probe);
}
