import { hostname } from "node:os";
import { prisma } from "../database/prisma.ts";
import { transition } from "./stage-machine.ts";
import type { Claim, StageMove } from "./stage-outcome.ts";

/** Stages claimed together. Whoever moves them must name the claim. */
export interface ClaimedStages {
  readonly claimId: string;
  readonly claims: readonly Claim[];
}

export interface ClaimOptions {
  readonly limit: number;
  readonly leaseSeconds: number;
  /** Whether a stage that was tried before may be claimed. */
  readonly takesRepeats: boolean;
}

const claimedBy = `${hostname()}:${process.pid}`;

/**
 * Moves stages from state to state (stage-machine.ts has the table). Each call is one statement, so a move happens as
 * a whole or not at all, and no connection is held between calls: PgBouncer's transaction pooling needs nothing else.
 */
export const processingStatusManager = {
  /**
   * Claims at most `limit` stages that are due: those that wait, and those whose lease has run out. Rows that another
   * process is claiming at this moment are passed over, so nobody waits and nobody gets the same row. A stage that was
   * tried before is claimed alone, when nothing is due for longer, and only with `takesRepeats`.
   */
  async claim(claimId: string, { limit, leaseSeconds, takesRepeats }: ClaimOptions): Promise<ClaimedStages> {
    const claims = await prisma.$queryRaw<Claim[]>`
      WITH oldest AS MATERIALIZED (
        SELECT session_id, stage, attempts, available_at FROM session_stages
         WHERE available_at <= now() AND (attempts = 0 OR ${takesRepeats}::boolean)
         ORDER BY available_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ), first AS MATERIALIZED (
        SELECT session_id, stage, attempts FROM oldest ORDER BY available_at LIMIT 1
      ), due AS (
        SELECT session_id, stage FROM first WHERE attempts > 0
        UNION ALL
        SELECT session_id, stage FROM oldest WHERE attempts = 0 AND (SELECT attempts FROM first) = 0
      )
      UPDATE session_stages AS claimed
         SET status = ${transition("PENDING", "claim")}::stage_status, attempts = claimed.attempts + 1,
             claim_id = ${claimId}::uuid, claimed_by = ${claimedBy}, updated_at = now(),
             available_at = now() + make_interval(secs => ${leaseSeconds})
        FROM due WHERE claimed.session_id = due.session_id AND claimed.stage = due.stage
      RETURNING claimed.session_id AS "sessionId", claimed.stage, claimed.attempts`;
    return { claimId, claims };
  },

  /**
   * Moves stages that were claimed under `claimId`, with everything that follows: messages, the next stage, the state
   * of the session. Stages that somebody else has claimed since are left alone. Returns how many were moved.
   */
  async move(claimId: string, moves: readonly StageMove[]): Promise<number> {
    const messages = moves.flatMap(({ session_id, messages }) =>
      messages.map(({ role, content, sentAt }, position) => ({
        session_id,
        position,
        role,
        content,
        sent_at: sentAt,
      })),
    );
    const [moved] = await prisma.$queryRaw<{ stages: number }[]>`
      WITH moves AS (
        SELECT * FROM jsonb_to_recordset(${JSON.stringify(moves.map(withoutMessages))}::jsonb) AS move (
          session_id uuid, stage processing_stage, status stage_status, result jsonb, error text,
          delay_seconds float8, attempts_returned integer, next_stage processing_stage, session_status session_status
        )
      ), moved AS (
        UPDATE session_stages AS stage
           SET status = moves.status, result = moves.result, error = moves.error, claim_id = NULL,
               attempts = stage.attempts - moves.attempts_returned, updated_at = now(),
               available_at = now() + make_interval(secs => moves.delay_seconds)
          FROM moves
         WHERE stage.session_id = moves.session_id AND stage.stage = moves.stage AND stage.claim_id = ${claimId}::uuid
        RETURNING stage.session_id, moves.next_stage, moves.session_status
      ), said AS (
        INSERT INTO messages (id, session_id, position, role, content, sent_at)
        SELECT uuidv7(), session_id, message.position, message.role, message.content, message.sent_at
          FROM jsonb_to_recordset(${JSON.stringify(messages)}::jsonb) AS message (
            session_id uuid, position integer, role message_role, content text, sent_at timestamptz
          ) JOIN moved USING (session_id)
      ), following AS (
        INSERT INTO session_stages (session_id, stage, available_at, updated_at)
        SELECT session_id, next_stage, now(), now() FROM moved WHERE next_stage IS NOT NULL
      ), sessions AS (
        UPDATE chat_sessions SET status = moved.session_status FROM moved
         WHERE chat_sessions.id = moved.session_id AND moved.session_status <> chat_sessions.status
      )
      SELECT count(*)::integer AS stages FROM moved`;
    return moved?.stages ?? 0;
  },
};

function withoutMessages({ messages: _, ...move }: StageMove): Omit<StageMove, "messages"> {
  return move;
}
