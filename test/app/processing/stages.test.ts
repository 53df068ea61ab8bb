import { describe, expect, it } from "vitest";
import {
  nextStage,
  retryDelayMs,
  STAGES,
  sessionStatusAfter,
  TRANSITIONS,
  transition,
} from "../../../app/processing/stage-machine.ts";
import { moveFor, type StageOutcome } from "../../../app/processing/stage-outcome.ts";
import { analyse } from "../../../app/processing/stages/analysis.ts";
import { summarise } from "../../../app/processing/stages/summary.ts";
import { countTranscript } from "../../../app/processing/stages/transcript-counts.ts";
import { parseTranscript, type TranscriptMessage } from "../../../app/processing/stages/transcript-text.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 1, 9) + seconds * 1000);
const say = (role: TranscriptMessage["role"], seconds: number, content: string) => ({
  role,
  content,
  sentAt: at(seconds),
});

describe("the table of transitions", () => {
  it("has no way out of an end state, and none but a claim into running", () => {
    expect([TRANSITIONS.COMPLETED, TRANSITIONS.FAILED, TRANSITIONS.SKIPPED]).toEqual([{}, {}, {}]);
    const into = Object.values(TRANSITIONS).flatMap((events) => Object.entries(events));
    expect(into.filter(([, to]) => to === "RUNNING").map(([event]) => event)).toEqual(["claim", "claim"]);
    expect(() => transition("COMPLETED", "claim")).toThrow("a stage that is COMPLETED knows no claim");
  });

  it("leads every session through all stages to one end", () => {
    expect(STAGES.map(nextStage)).toEqual(["TRANSCRIPT", "ANALYSIS", "SUMMARY", null]);
    expect(STAGES.map((stage) => sessionStatusAfter(stage, "COMPLETED"))).toEqual([
      "PROCESSING",
      "PROCESSING",
      "PROCESSING",
      "PROCESSED",
    ]);
    expect(STAGES.map((stage) => sessionStatusAfter(stage, "FAILED"))).toEqual(Array(4).fill("FAILED"));
    expect(sessionStatusAfter("SUMMARY", "PENDING")).toBeNull();
  });

  it("waits longer after each attempt, but never longer than a minute", () => {
    expect([1, 2, 3, 10, 100].map(retryDelayMs)).toEqual([1000, 2000, 4000, 60_000, 60_000]);
  });
});

describe("moveFor", () => {
  const claim = { sessionId: "s", stage: "ANALYSIS", attempts: 2 } as const;
  const nothing = {
    ...{ session_id: "s", stage: "ANALYSIS", result: null, error: null, delay_seconds: null },
    ...{ attempts_returned: 0, next_stage: null, session_status: null, messages: [] },
  };
  const messages = [say("USER", 0, "x")];
  const failed = { status: "FAILED", error: "no luck", session_status: "FAILED" };

  it.each<[string, StageOutcome, object]>([
    [
      "ends the stage with its result and begins the next",
      { event: "complete", result: { words: 3 }, messages },
      {
        ...{ status: "COMPLETED", result: { words: 3 }, messages },
        ...{ next_stage: "SUMMARY", session_status: "PROCESSING" },
      },
    ],
    [
      "ends a stage that makes no messages",
      { event: "complete", result: {} },
      { status: "COMPLETED", result: {}, next_stage: "SUMMARY", session_status: "PROCESSING" },
    ],
    [
      "tries again while attempts are left",
      { event: "retry", error: "no luck" },
      { status: "PENDING", error: "no luck", delay_seconds: 2 },
    ],
    ["fails the session", { event: "fail", error: "no luck" }, failed],
    [
      "lets somebody else do at once what was handed back, and gives the attempt back",
      { event: "handBack" },
      { status: "PENDING", delay_seconds: 0, attempts_returned: 1 },
    ],
  ])("%s", (_, outcome, change) => {
    expect(moveFor(claim, outcome, 3)).toEqual({ ...nothing, ...change });
  });

  it("fails the session with its last attempt", () => {
    expect(moveFor(claim, { event: "retry", error: "no luck" }, 2)).toEqual({ ...nothing, ...failed });
  });
});

describe("parseTranscript", () => {
  it("reads messages over several lines, in any spelling of the role", () => {
    expect(
      parseTranscript(
        "\n[2026-11-01T09:00:00Z] user: one \r\n\r\ntwo\n[2026-11-01T10:00:03+01:00] ASSISTANT:three\n",
      ),
    ).toEqual([say("USER", 0, "one\n\ntwo"), say("ASSISTANT", 3, "three")]);
  });

  it("begins a message at the beginning of a line only", () => {
    const quoting =
      "[2026-11-01T09:00:00Z] User: one\n[2026-11-01T09:00:02Z] Assistant: you said\n> [2026-11-01T09:00:00Z] User: one";
    expect(parseTranscript(quoting)).toEqual([
      say("USER", 0, "one"),
      say("ASSISTANT", 2, "you said\n> [2026-11-01T09:00:00Z] User: one"),
    ]);
  });

  it("takes as many messages, and as long ones, as a conversation may have", () => {
    expect(parseTranscript("[2026-11-01T09:00:00Z] User: x\n".repeat(5000))).toHaveLength(5000);
    const [longest] = parseTranscript(`[2026-11-01T09:00:00Z] User: ${"x".repeat(20_000)}\n \n`);
    expect(longest?.content).toHaveLength(20_000);
  });

  it("drops messages without text", () => {
    expect(parseTranscript("[2026-11-01T09:00:00Z] User:\n \n[2026-11-01T09:00:01Z] System: x")).toEqual([
      say("SYSTEM", 1, "x"),
    ]);
    expect(parseTranscript("")).toEqual([]);
  });

  it.each([
    ["text before the first message", "\nhello", /^line 2 of the transcript does not begin/],
    [
      "a month that does not exist",
      "[2026-13-01T09:00:00Z] User: x",
      /^line 1 .*: 2026-13-01T09:00:00Z must be a time/,
    ],
    [
      "a day that does not exist",
      "\n[2026-02-31T09:00:00Z] User: x",
      /^line 2 .* must be a time with offset/,
    ],
    ["an hour of the next day", "[2026-11-01T24:00:00Z] User: x", /^line 1 .* must be a time with offset/],
    [
      "a year that Postgres refuses",
      "[0000-01-01T09:00:00Z] User: x",
      /^line 1 .* in the years 1900 to 9999/,
    ],
    ["a year of five digits", "[9999-12-31T23:59:59-01:00] User: x", /^line 1 .* in the years 1900 to 9999/],
    [
      "a message that is too long",
      `[2026-11-01T09:00:00Z] User: ${"x".repeat(20_001)}`,
      /^message 1 .* 20001/,
    ],
    ["too many messages", "[2026-11-01T09:00:00Z] User: x\n".repeat(5001), /has 5001 messages/],
  ])("refuses %s", (_what, text, message) => {
    expect(() => parseTranscript(text)).toThrow(message);
  });
});

describe("stages", () => {
  const talk = [
    say("SYSTEM", 0, "Welcome"),
    say("USER", 10, "My invoice is wrong!"),
    say("USER", 12, "The invoice of May, that is annoying."),
    say("ASSISTANT", 16, "I have corrected the invoice."),
    say("USER", 60, "Great, thanks"),
    say("ASSISTANT", 62, "You are welcome."),
  ];

  it("count what was said", () => {
    expect(countTranscript(talk)).toEqual({
      messages: 6,
      userMessages: 3,
      assistantMessages: 2,
      words: 22,
      characters: talk.map(({ content }) => content).join("").length,
      durationSeconds: 62,
    });
    expect(countTranscript([])).toMatchObject({ messages: 0, durationSeconds: 0 });
  });

  it("measure answers from the first message that waited, and weigh the user's words only", () => {
    expect(analyse(talk)).toEqual({
      responses: 2,
      firstResponseSeconds: 6,
      averageResponseSeconds: 4,
      longestResponseSeconds: 6,
      positiveWords: 2,
      negativeWords: 2,
      sentiment: "NEUTRAL",
    });
    expect(analyse([say("ASSISTANT", 0, "Great!")])).toMatchObject({
      ...{ sentiment: "NEUTRAL", responses: 0 },
      ...{ firstResponseSeconds: null, averageResponseSeconds: null, longestResponseSeconds: null },
    });
  });

  it.each([
    ["an answer within a second", 0.5, 0.5],
    ["no time that runs backwards, by another clock", -3, 0],
  ])("measure %s", (_, seconds, response) => {
    const answered = [say("USER", 10, "x"), say("ASSISTANT", 10 + seconds, "y")];
    expect(analyse(answered).firstResponseSeconds).toBe(response);
  });

  it.each([
    ["it works", "POSITIVE"],
    ["broken", "NEGATIVE"],
    ["broken, and broken again, but thanks", "NEGATIVE"],
    ["as it was", "NEUTRAL"],
  ])("find %j %s", (content, sentiment) => {
    expect(analyse([say("USER", 0, content)]).sentiment).toBe(sentiment);
  });

  it("summarise by question, last answer and what came up most", () => {
    expect(summarise(talk)).toMatchObject({ question: "My invoice is wrong!", answer: "You are welcome." });
    expect(summarise(talk).topics[0]).toBe("invoice");
    const talked = [
      say("USER", 0, "The tax of May, hello: ab cd"),
      say("SYSTEM", 1, "one two ten six TAX may may"),
    ];
    expect(summarise(talked).topics).toEqual(["may", "tax", "one", "two", "ten"]);
    expect(summarise([])).toEqual({ question: null, answer: null, topics: [] });
  });

  it("quote on one line, in full up to 200 characters", () => {
    const question = (content: string) => summarise([say("USER", 0, content)]).question;
    expect(question("one\n\n  two")).toBe("one two");
    expect(question("x".repeat(200))).toBe("x".repeat(200));
    expect(question("x".repeat(201))).toBe(`${"x".repeat(199)}…`);
  });

  it("never cut a character in half, which Postgres could not store", () => {
    const { question } = summarise([say("USER", 0, "🎈".repeat(500))]);
    expect(question?.isWellFormed()).toBe(true);
    expect(Array.from(question ?? "")).toHaveLength(200);
  });
});
