/**
 * Text of others (names that clients chose, messages of servers) as it may be printed: one line, no control characters
 * and no invisible ones (a terminal would obey them), no password of a connection URL, never longer than `limit` characters.
 */
export function oneLine(text: string, limit = 200): string {
  const clean = text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .replace(/(\w+:\/\/[^\s:/@]+):[^\s@]+@/g, "$1:***@")
    .trim();
  return clean.length > limit ? `${clean.slice(0, limit - 1)}…` : clean;
}

/** `2.4 s`, `95 s`, `12 min`, `3.1 h`: enough digits to act on. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

/** `1 client waits`, `3 clients wait`. */
export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
