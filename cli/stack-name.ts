/**
 * A backend's name of a stack is `organisation/project/stack`; a person and `pulumi stack ls` may leave out the first
 * parts, those that are the backend's own.
 */

/** The last part: the name that the program sees. */
export function stackName(stack: string): string {
  return stack.split("/").at(-1) ?? stack;
}

/** Whether two names mean the same stack of this project: an organisation counts where both tell it. */
export function isSameStack(one: string, other: string): boolean {
  const [organisation, others] = [organisationOf(one), organisationOf(other)];
  const isSameOrganisation = organisation === undefined || others === undefined || organisation === others;
  return stackName(one) === stackName(other) && isSameOrganisation;
}

function organisationOf(stack: string): string | undefined {
  const parts = stack.split("/");
  return parts.length > 1 ? parts[0] : undefined;
}
