import * as pulumi from "@pulumi/pulumi";
import type { Problem } from "../pgbouncer/values.ts";
import { problemsText } from "./problem-text.ts";

/**
 * Throws all problems as a RunError, which Pulumi prints without a stack; the program throws it before the first
 * resource is registered, so that bad input never creates or loses anything.
 */
export function throwProblems(stack: string, problems: readonly Problem[]): void {
  if (problems.length > 0) {
    throw new pulumi.RunError(problemsText(stack, problems));
  }
}
