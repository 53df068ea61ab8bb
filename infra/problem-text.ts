import type { Problem } from "../pgbouncer/values.ts";
import { withoutUrlPasswords } from "./url-password.ts";

/** All problems as one text: what every refusal of the kit looks like. */
export function problemsText(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return [
    `poolkit: ${count} with the configuration of stack "${stack}"; nothing was created or changed`,
    ...problems.map(problemRow),
  ].join("\n");
}

/** One problem on four lines. */
export function problemRow({ path, found, allowed, fix }: Problem): string {
  return [`  ${path}`, `    found    ${found}`, `    allowed  ${allowed}`, `    fix      ${fix}`].join("\n");
}

/**
 * A value as it is shown in a message: one line, control characters escaped, never longer than a line, without the
 * passwords of URLs, for a message stands in logs.
 */
export function shown(value: unknown): string {
  const text = withoutUrlPasswords(JSON.stringify(value) ?? "nothing");
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
