const CENSOR = "[redacted]";

/** A string or an array of strings in JSON. */
const JSON_TEXT = '"(?:[^"\\\\]|\\\\.)*"';
const SECRET_KEY =
  "authorization|proxy-authorization|cookie|set-cookie|connectionString|[\\w-]*(?:password|secret|token)";

/** The same inside of a text: JSON that somebody put into a message, so that every quote and backslash is escaped. */
const TEXT_IN_TEXT = '\\\\"(?:[^"\\\\]|\\\\\\\\(?:[^"\\\\]|\\\\.))*\\\\"';
/** Spaces and escaped line breaks, as pretty-printed JSON has them. */
const SPACE_IN_TEXT = "(?:\\s|\\\\[nrt])*";

/** What a secret looks like in a line, and what stands there instead. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // The value of a key whose name says it, at any depth.
  [new RegExp(`("(?:${SECRET_KEY})":)(?:${JSON_TEXT}|\\[(?:${JSON_TEXT},?)*\\])`, "gi"), `$1"${CENSOR}"`],
  [
    new RegExp(
      `(\\\\"(?:${SECRET_KEY})\\\\"${SPACE_IN_TEXT}:${SPACE_IN_TEXT})` +
        `(?:${TEXT_IN_TEXT}|\\[(?:${SPACE_IN_TEXT}${TEXT_IN_TEXT},?)*${SPACE_IN_TEXT}\\])`,
      "gi",
    ),
    `$1\\"${CENSOR}\\"`,
  ],
  // A header's value that got into a message.
  [/\b(bearer|basic) +[\w.~+/=-]{8,}/gi, `$1 ${CENSOR}`],
  // Bytes as JSON has them: Node's parser hands over what a caller sent, headers and all, with what it refuses.
  [/\{"type":"Buffer","data":\[[\d,]*\]\}/g, `"${CENSOR}"`],
  // A parameter of an address.
  [/([?&](?:[\w-]*(?:password|secret|token)|api[_-]?key)=)[^&\s"#]+/gi, `$1${CENSOR}`],
];

/** A word with a URL in it. Looked for at the beginning of words only: a search at every character of a long one takes seconds. */
const URL_WORD = /(?<![^\s"])[^\s"]*:\/\/[^\s"]*/g;

/** user:password@ of a URL. To the last @ of the word: a password that was not percent-encoded may hold one. */
function withoutUrlPassword(word: string): string {
  const end = word.lastIndexOf("@");
  const [login] = /^.*?:\/\/[^:@/]*:/.exec(word.slice(0, Math.max(end, 0))) ?? [];
  return login === undefined ? word : `${login}${CENSOR}${word.slice(end)}`;
}

/**
 * A log line without what looks like a secret, whoever wrote it: messages and stacks of other people's errors hold
 * URLs and headers, so looking at the finished line is the only way not to miss one.
 */
export function scrubbed(line: string): string {
  return PATTERNS.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    line.replace(URL_WORD, withoutUrlPassword),
  );
}
