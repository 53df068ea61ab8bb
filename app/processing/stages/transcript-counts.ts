import type { TranscriptMessage } from "./transcript-text.ts";

/** The words of a text, in small letters, in every script. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu) ?? [];
}

/** What the stage TRANSCRIPT stores: how much was said, by whom, over which time. */
export function countTranscript(messages: readonly TranscriptMessage[]) {
  const of = (role: TranscriptMessage["role"]) => messages.filter((message) => message.role === role).length;
  const [first, last] = [messages[0], messages.at(-1)];
  return {
    messages: messages.length,
    userMessages: of("USER"),
    assistantMessages: of("ASSISTANT"),
    words: messages.reduce((sum, { content }) => sum + wordsOf(content).length, 0),
    characters: messages.reduce((sum, { content }) => sum + content.length, 0),
    durationSeconds:
      first === undefined || last === undefined
        ? 0
        : Math.max((last.sentAt.getTime() - first.sentAt.getTime()) / 1000, 0),
  };
}
