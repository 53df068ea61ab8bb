import { hotQuery, read, uuid } from "../database/hot-query.ts";
import type { Prisma } from "../generated/prisma/client.ts";
import { MessageRole, ProcessingStage, SessionStatus, StageStatus } from "../generated/prisma/enums.ts";

/** What Prisma would be asked for; its types are those of the query below, and a test compares what both give. */
export const sessionSelect = {
  id: true,
  externalId: true,
  status: true,
  startedAt: true,
  endedAt: true,
  importId: true,
  company: { select: { name: true } },
  messages: { select: { role: true, content: true, sentAt: true }, orderBy: { position: "asc" } },
  stages: {
    select: { stage: true, status: true, attempts: true, result: true, error: true, updatedAt: true },
    orderBy: { stage: "asc" },
  },
} as const satisfies Prisma.ChatSessionSelect;

type Selected = Prisma.ChatSessionGetPayload<{ select: typeof sessionSelect }>;

/** A session with its company's name, messages and stages. */
export type SessionView = Omit<Selected, "company"> & { readonly company: string };

/** One statement where Prisma sends four one after the other, so all parts are of the same moment. */
export const SESSION_VIEW_SQL = `
  SELECT session.id, session.external_id AS "externalId", session.status, session.started_at AS "startedAt",
         session.ended_at AS "endedAt", session.import_id AS "importId", company.name AS company,
         (SELECT coalesce(json_agg(json_build_object(
                   'role', role, 'content', content, 'sentAt', sent_at) ORDER BY position), '[]')
            FROM messages WHERE session_id = session.id) AS messages,
         (SELECT coalesce(json_agg(json_build_object(
                   'stage', stage, 'status', status, 'attempts', attempts, 'result', result, 'error', error,
                   'updatedAt', updated_at) ORDER BY stage), '[]')
            FROM session_stages WHERE session_id = session.id) AS stages
    FROM chat_sessions AS session JOIN companies AS company ON company.id = session.company_id
   WHERE session.id = $1`;

const query = hotQuery<SessionView>(SESSION_VIEW_SQL, [uuid], {
  id: read.text,
  externalId: read.text,
  status: read.oneOf(SessionStatus),
  startedAt: read.instant,
  endedAt: read.optional(read.instant),
  importId: read.optional(read.text),
  company: read.text,
  messages: read.list({ role: read.oneOf(MessageRole), content: read.text, sentAt: read.instant }),
  stages: read.list({
    stage: read.oneOf(ProcessingStage),
    status: read.oneOf(StageStatus),
    attempts: read.integer,
    // Comes parsed, with the list around it.
    result: (value) => value as Prisma.JsonValue,
    error: read.optional(read.text),
    updatedAt: read.instant,
  }),
});

/** The session of this id, a UUID; null where there is none. The most asked-for read, hence by hand. */
export async function findSessionView(id: string): Promise<SessionView | null> {
  return (await query(id))[0] ?? null;
}
