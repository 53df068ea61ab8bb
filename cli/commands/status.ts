import { exitCode, probeHealth, probeText } from "../health-probe.ts";
import { readOutputs } from "../stack.ts";

/** `poolkit status`: where the stack is, how it is sized and how it is. No secret is printed. */
export async function status(stack: string, json: boolean): Promise<number> {
  const { healthToken, ...outputs } = await readOutputs(stack);
  const probe = await probeHealth({ ...outputs, healthToken });
  if (json) {
    const health = probe.reached ? probe.body.status : "unreachable";
    process.stdout.write(`${JSON.stringify({ stack, ...outputs, health })}\n`);
    return exitCode(probe);
  }
  const limits = Object.entries(outputs.poolLimits).map(([name, value]) => `${name} ${value}`);
  const rows = [
    `stack        ${stack}, preset ${outputs.preset}`,
    `application  ${outputs.url}`,
    `pgbouncer    ${outputs.pgbouncerHost}:${outputs.pgbouncerPort}`,
    ...(outputs.prometheusUrl ? [`prometheus   ${outputs.prometheusUrl}`] : []),
    `limits       ${limits.join(", ")}`,
    probeText(probe, stack),
  ];
  process.stdout.write(`${rows.join("\n")}\n`);
  return exitCode(probe);
}
