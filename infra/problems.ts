import * as pulumi from "@pulumi/pulumi";
import type { Problem } from "../pgbouncer/values.ts";

/**
 * All problems as one text. Thrown as a RunError, which Pulumi prints without a stack; the program throws it before the
 * first resource is registered, so that bad input never creates or loses anything.
 */
export function problemsText(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const rows = problems.map(({ path, found, allowed, fix }) =>
    [`  ${path}`, `    found    ${found}`, `    allowed  ${allowed}`, `    fix      ${fix}`].join("\n"),
  );
  return [
    `poolkit: ${count} with the configuration of stack "${stack}"; nothing was created or changed`,
    ...rows,
  ].join("\n");
}

export function throwProblems(stack: string, problems: readonly Problem[]): void {
  if (problems.length > 0) {
    throw new pulumi.RunError(problemsText(stack, problems));
  }
}

/** A value as it is shown in a message: one line, control characters escaped, never longer than a line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
