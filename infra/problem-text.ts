import type { Problem } from "../pgbouncer/values.ts";
import { withoutUrlPasswords } from "./url-password.ts";

/** All problems as one text: what every refusal of the kit looks like. */
export function problemsText(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return [
    `poolkit: ${count} with the configuration of stack "${stack}"; nothing was created or changed`,
    ...problems.map((problem) => problemRow(problem, stack)),
  ].join("\n");
}

/** One problem on four lines. @param stack that the commands are for; without one they are for the selected stack */
export function problemRow({ path, found, allowed, fix }: Problem, stack?: string): string {
  const forStack = stack === undefined ? "pulumi config $1" : `pulumi config $1 -s ${stack}`;
  const command = fix.replaceAll(/\bpulumi config (set|rm|refresh)\b/g, forStack);
  return [`  ${path}`, `    found    ${found}`, `    allowed  ${allowed}`, `    fix      ${command}`].join(
    "\n",
  );
}

/**
 * A value as it is shown in a message: one line, control characters escaped, never longer than a line, without the
 * passwords of URLs, for a message stands in logs.
 */
export function shown(value: unknown): string {
  const text = withoutUrlPasswords(JSON.stringify(value) ?? "nothing");
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
