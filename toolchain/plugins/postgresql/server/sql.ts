/** An identifier in quotes. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Identifiers in quotes, separated by commas. */
export function identifiers(names: readonly string[]): string {
  return names.map(identifier).join(",");
}

/**
 * A text literal as the official plugin writes it: backslashes are doubled although the server takes them
 * literally, so a password with a backslash becomes one with two. State and logins made by either plugin agree.
 */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
