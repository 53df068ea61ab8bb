/**
 * SQL that needs the same server session for more than one statement. Behind PgBouncer's transaction pooling the next
 * statement may run in another session, and what was set stays behind for a stranger.
 */
const SESSION_SQL: readonly (readonly [string, RegExp])[] = [
  [
    "advisory lock of the session (use the _xact_ form)",
    /\bpg_(try_)?advisory_(lock|unlock)(_shared|_all)?\b/i,
  ],
  ["LISTEN or UNLISTEN", /(^|["'`;])\s*(UN)?LISTEN\s+[\w*"]/im],
  [
    "SET without LOCAL",
    /(^\s*|[;`]\s*|["'])SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)(SESSION\s+)?[\w."]+\s*(=|\bTO\b)/i,
  ],
  [
    "SET of a role, a time zone or all transactions without LOCAL",
    /(^\s*|[;`]\s*|["'])SET\s+(SESSION\s+(AUTHORIZATION|CHARACTERISTICS)\b|(SESSION\s+)?(ROLE\s+["'\w]|TIME\s+ZONE\b|NAMES\b|XML\s+OPTION\b))/i,
  ],
  ["RESET", /(^\s*|[;`]\s*|["'])RESET\s+[\w"]/i],
  // Anything but the word true as its last argument: a variable may be false.
  [
    "set_config for the session",
    /\bset_config\s*\((?:[^()]|\([^()]*\))*,(?!\s*true\s*\))(?:[^(),]|\([^()]*\))*\)/i,
  ],
  ["value of a sequence in the session (use RETURNING)", /\b(lastval|currval)\s*\(/i],
  ["temporary table", /\bCREATE\s+((GLOBAL|LOCAL)\s+)?TEMP(ORARY)?\b|\bINTO\s+TEMP(ORARY)?\b/i],
  ["PREPARE", /(^|["'`;])\s*PREPARE\s+(?!TRANSACTION\b)\w+\s*(\(|\bAS\b)/im],
  ["cursor WITH HOLD", /\bWITH\s+HOLD\b/i],
  ["DISCARD", /(^|["'`;])\s*DISCARD\s+(ALL|PLANS|SEQUENCES|TEMP)/im],
];

/** What of `source` needs a session of the server, each in words. */
export function sessionSqlIn(source: string): string[] {
  // A comment before a statement must not hide its beginning. SET may also continue an UPDATE, on a line of its own.
  const bare = source.replaceAll(/^\s*--.*$/gm, "");
  return SESSION_SQL.filter(([, pattern]) => pattern.test(bare)).map(([what]) => what);
}
