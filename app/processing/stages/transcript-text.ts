import type { MessageRole } from "../../generated/prisma/enums.ts";
import { instant, MAX_MESSAGE_CHARACTERS } from "../fields.ts";

/** One message of a session, in order. */
export interface TranscriptMessage {
  readonly role: MessageRole;
  readonly content: string;
  readonly sentAt: Date;
}

/** A text that cannot be processed, however often it is tried. The message is for people. */
export class UnreadableError extends Error {}

/** More messages than this is no conversation but a file that lost its row ends. */
const MAX_MESSAGES = 5000;
/** `[2026-11-01T09:00:00Z] User: Where is my invoice?` */
const FIRST_LINE = /^\[(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))\] *(user|assistant|system): ?(.*)$/i;

/**
 * Turns an imported text into messages: each begins on a line `[time] role: text` and goes on until the next such line.
 * Blanks at line ends and empty lines at either end of a message are dropped; a message without text is none.
 * Throws UnreadableError.
 */
export function parseTranscript(text: string): TranscriptMessage[] {
  const drafts: { role: MessageRole; lines: string[]; sentAt: Date }[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const [, time, role, first] = FIRST_LINE.exec(line) ?? [];
    const last = drafts.at(-1);
    if (time !== undefined && role !== undefined && first !== undefined) {
      const sentAt = instant.safeParse(time);
      if (!sentAt.success) {
        const reason = sentAt.error.issues.map(({ message }) => message).join("; ");
        throw new UnreadableError(`line ${index + 1} of the transcript: ${time} ${reason}`);
      }
      drafts.push({
        role: role.toUpperCase() as MessageRole,
        lines: [first],
        sentAt: new Date(sentAt.data),
      });
    } else if (last !== undefined) {
      last.lines.push(line);
    } else if (line.trim() !== "") {
      throw new UnreadableError(`line ${index + 1} of the transcript does not begin with [time] role:`);
    }
  }
  if (drafts.length > MAX_MESSAGES) {
    throw new UnreadableError(
      `the transcript has ${drafts.length} messages; allowed: at most ${MAX_MESSAGES}`,
    );
  }
  return drafts.flatMap(({ role, lines, sentAt }, index) => {
    const content = lines
      .map((line) => line.trimEnd())
      .join("\n")
      .trim();
    if (content.length > MAX_MESSAGE_CHARACTERS) {
      throw new UnreadableError(
        `message ${index + 1} of the transcript has ${content.length} characters; allowed: at most ${MAX_MESSAGE_CHARACTERS}`,
      );
    }
    return content === "" ? [] : [{ role, content, sentAt }];
  });
}
