/** Words that may stand before a bracket without calling a function. */
const KEYWORDS =
  "select from where and or not in any all some exists on as over filter within using by having values case when then else join lateral distinct limit offset union except intersect is like ilike between";
/** Functions of Postgres that change nothing, as Prisma writes them and people use them in reports. */
const FUNCTIONS =
  "count sum avg min max coalesce nullif greatest least lower upper length trim concat substring position round floor ceil abs now date_trunc date_part extract to_char to_json to_jsonb json_agg jsonb_agg json_build_object jsonb_build_object json_build_array jsonb_build_array array_agg string_agg array_length cardinality unnest row_number rank dense_rank cast st_astext pg_backend_pid current_setting version";
const HARMLESS = new Set(`${KEYWORDS} ${FUNCTIONS}`.split(" "));

/** Words that write, lock or keep something, wherever they stand. */
const WRITES =
  /\b(insert|update|delete|merge|truncate|into|share|call|copy|create|alter|drop|grant|lock|set|do)\b/;

/** Strings and quoted names, by one pattern from left to right: each may hold the other's quote. */
const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"/g;

/** A name before a bracket. Postgres takes every character beyond ASCII for a part of a name, blanks and emoji too. */
const CALLED = /([a-z_.\u{80}-\u{10ffff}][\w.$\u{80}-\u{10ffff}]*)\s*\(/gu;

/**
 * True only when `sql` surely reads and nothing else: one SELECT without locks, without data-changing parts and with
 * known harmless functions only. Everything in doubt counts as a write; then it is not done twice, which is the safe
 * side. A view or an operator that calls a writing function is beyond what its text can show.
 */
export function isRead(sql: string): boolean {
  const bare = sql
    .replaceAll(QUOTED, (quoted) => (quoted.startsWith("'") ? "''" : "quoted_name"))
    .replaceAll(/\s*\.\s*/g, ".")
    .toLowerCase()
    .trim()
    .replace(/;$/, "");
  // Comments, dollar quotes and escape strings could hide the end of a text from the patterns above.
  if (/--|\/\*|\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$|\\/u.test(sql)) return false;
  if (!/^\(*\s*select\b/.test(bare) || bare.includes(";") || WRITES.test(bare)) return false;
  return [...bare.matchAll(CALLED)].every(([, name]) => HARMLESS.has(name ?? ""));
}
