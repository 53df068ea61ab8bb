import { prisma } from "../database/prisma.ts";
import type { Claim, StageOutcome } from "./stage-outcome.ts";
import { analyse } from "./stages/analysis.ts";
import { summarise } from "./stages/summary.ts";
import { countTranscript } from "./stages/transcript-counts.ts";
import { parseTranscript, type TranscriptMessage, UnreadableError } from "./stages/transcript-text.ts";

/** What the stages of some sessions need to know, read with as few queries as possible. */
interface StageInputs {
  readonly transcripts: ReadonlyMap<string, string | null>;
  readonly messages: ReadonlyMap<string, readonly TranscriptMessage[]>;
}

/** Does the work of each claim. Rejects only when its input cannot be read from the database. */
export async function workOn(claims: readonly Claim[]): Promise<StageOutcome[]> {
  const idsOf = (isImport: boolean) =>
    claims.filter(({ stage }) => (stage === "IMPORT") === isImport).map(({ sessionId }) => sessionId);
  // One after the other: a scheduler never takes more than one connection at a time.
  const inputs = {
    transcripts: await readTranscripts(idsOf(true)),
    messages: await readMessages(idsOf(false)),
  };
  return claims.map((claim) => outcomeOf(claim, inputs));
}

function outcomeOf(claim: Claim, inputs: StageInputs): StageOutcome {
  try {
    return doStage(claim, inputs);
  } catch (error) {
    if (error instanceof UnreadableError) return { event: "fail", error: error.message };
    return { event: "retry", error: error instanceof Error ? error.message : String(error) };
  }
}

function doStage({ stage, sessionId }: Claim, inputs: StageInputs): StageOutcome {
  const messages = inputs.messages.get(sessionId) ?? [];
  switch (stage) {
    case "IMPORT": {
      const imported = parseTranscript(inputs.transcripts.get(sessionId) ?? "");
      return { event: "complete", result: { messages: imported.length }, messages: imported };
    }
    case "TRANSCRIPT":
      return { event: "complete", result: countTranscript(messages) };
    case "ANALYSIS":
      return { event: "complete", result: analyse(messages) };
    case "SUMMARY":
      return { event: "complete", result: summarise(messages) };
  }
}

async function readTranscripts(ids: readonly string[]): Promise<StageInputs["transcripts"]> {
  if (ids.length === 0) return new Map();
  const sessions = await prisma.chatSession.findMany({
    where: { id: { in: [...ids] } },
    select: { id: true, transcript: true },
  });
  return new Map(sessions.map(({ id, transcript }) => [id, transcript]));
}

async function readMessages(ids: readonly string[]): Promise<StageInputs["messages"]> {
  if (ids.length === 0) return new Map();
  const messages = await prisma.message.findMany({
    where: { sessionId: { in: [...ids] } },
    orderBy: [{ sessionId: "asc" }, { position: "asc" }],
    select: { sessionId: true, role: true, content: true, sentAt: true },
  });
  return Map.groupBy(messages, ({ sessionId }) => sessionId);
}
