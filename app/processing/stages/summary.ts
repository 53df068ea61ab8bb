import { wordsOf } from "./transcript-counts.ts";
import type { TranscriptMessage } from "./transcript-text.ts";

const MAX_EXTRACT_CHARACTERS = 200;
/** Words that stand in every conversation and say nothing about this one. */
const STOP_WORDS = new Set(
  "the and for you your are was were with that this have has had not but can could would will from what when where who how why please thank thanks hello about there been just it's i'm".split(
    " ",
  ),
);
const MAX_TOPICS = 5;

/** What the stage SUMMARY stores: the user's opening words, the last answer, and what was spoken about most. */
export function summarise(messages: readonly TranscriptMessage[]) {
  const question = messages.find(({ role }) => role === "USER");
  const answer = messages.findLast(({ role }) => role === "ASSISTANT");
  return {
    question: question === undefined ? null : extract(question.content),
    answer: answer === undefined ? null : extract(answer.content),
    topics: topicsOf(messages),
  };
}

/** The beginning of a text on one line, cut between characters, never inside one (Postgres refuses half of one). */
function extract(text: string): string {
  const characters = Array.from(text.replace(/\s+/g, " "));
  return characters.length <= MAX_EXTRACT_CHARACTERS
    ? characters.join("")
    : `${characters.slice(0, MAX_EXTRACT_CHARACTERS - 1).join("")}…`;
}

/** The most frequent telling words; equally frequent ones in the order in which they came up. */
function topicsOf(messages: readonly TranscriptMessage[]): string[] {
  const counts = new Map<string, number>();
  for (const { content } of messages) {
    for (const word of wordsOf(content)) {
      if (word.length > 2 && !STOP_WORDS.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_TOPICS)
    .map(([word]) => word);
}
