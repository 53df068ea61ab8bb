/** Comments, as they may stand before a statement's first word. */
const blank = String.raw`(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*`;

/** END also closes CASE, so it counts only as the first word of a statement. */
const words = new RegExp(
  String.raw`\b(BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION|CONCURRENTLY|VACUUM|CALL)\b|(^|;)${blank}END\b`,
  "i",
);

/** Bodies of functions and DO blocks, `$$ … $$` or `$tag$ … $tag$`. */
const bodies = /\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$/g;
/** BEGIN and END are blocks there; a DO block alone in its script may end its transaction with these, or in a procedure. */
const bodyWords = /\b(COMMIT|ROLLBACK|CALL)\b/i;

/**
 * Whether the script contains words that end a transaction or cannot run in one, so that a part of it may be kept when it
 * fails. Comments and texts count too: a false alarm only asks for a look.
 */
export function endsTransactions(script: string): boolean {
  const outside = script.replace(bodies, (body) => (bodyWords.test(body) ? body : "''"));
  return words.test(outside);
}
