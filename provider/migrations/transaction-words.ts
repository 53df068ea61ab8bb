/** Comments, as they may stand before a statement's first word. */
const blank = String.raw`(?:\s|--[^\n]*\n|/\*[^]*?\*/)*`;

/** END also closes CASE, so it counts only as the first word of a statement. */
const words = new RegExp(
  String.raw`\b(BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION|CONCURRENTLY|VACUUM|CALL)\b|(^|;)${blank}END\b`,
  "i",
);

/**
 * Whether the script contains words that end a transaction or cannot run in one, so that a part of it may be kept when it
 * fails. Comments and texts count too: a false alarm only asks for a look.
 */
export function endsTransactions(script: string): boolean {
  return words.test(script);
}
