import { wordsOf } from "./transcript-counts.ts";
import type { TranscriptMessage } from "./transcript-text.ts";

/** A small list on purpose: it shows where a real model would stand, and its verdict can be followed by eye. */
const POSITIVE = new Set(
  "thank thanks great good perfect excellent happy helpful love awesome solved works wonderful nice".split(
    " ",
  ),
);
const NEGATIVE = new Set(
  "bad wrong annoying angry terrible broken useless slow fail failed error problem worse worst complaint".split(
    " ",
  ),
);

/** What the stage ANALYSIS stores. Times in seconds; null where nobody answered. */
export function analyse(messages: readonly TranscriptMessage[]) {
  const responses = responseSeconds(messages);
  const userWords = messages.flatMap(({ role, content }) => (role === "USER" ? wordsOf(content) : []));
  const positiveWords = userWords.filter((word) => POSITIVE.has(word)).length;
  const negativeWords = userWords.filter((word) => NEGATIVE.has(word)).length;
  return {
    responses: responses.length,
    firstResponseSeconds: responses[0] ?? null,
    averageResponseSeconds:
      responses.length === 0 ? null : responses.reduce((sum, seconds) => sum + seconds, 0) / responses.length,
    longestResponseSeconds: responses.length === 0 ? null : Math.max(...responses),
    positiveWords,
    negativeWords,
    sentiment: sentimentOf(positiveWords - negativeWords),
  };
}

function sentimentOf(balance: number): "POSITIVE" | "NEUTRAL" | "NEGATIVE" {
  if (balance === 0) return "NEUTRAL";
  return balance > 0 ? "POSITIVE" : "NEGATIVE";
}

/** For each answer the time since the user began to wait for it: the first message that nobody had answered yet. */
function responseSeconds(messages: readonly TranscriptMessage[]): number[] {
  const seconds: number[] = [];
  let waitingSince: number | null = null;
  for (const { role, sentAt } of messages) {
    if (role === "USER") waitingSince ??= sentAt.getTime();
    if (role === "ASSISTANT" && waitingSince !== null) {
      seconds.push(Math.max((sentAt.getTime() - waitingSince) / 1000, 0));
      waitingSince = null;
    }
  }
  return seconds;
}
