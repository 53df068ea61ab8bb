import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { inTransaction } from "../database/transaction.ts";
import { MessageRole } from "../generated/prisma/enums.ts";
import { companyIdOf } from "../processing/company.ts";
import { instant, MAX_MESSAGE_CHARACTERS, name, text } from "../processing/fields.ts";
import { schedulers } from "../processing/schedulers.ts";
import { Refusal } from "../requests/http-errors.ts";
import { listQuery, listSessions } from "./session-list.ts";
import { findSessionView } from "./session-view.ts";

const byId = z.strictObject({ id: z.uuid() });

const newSession = z.strictObject({
  company: name,
  externalId: name,
  startedAt: instant,
  messages: z
    .array(z.strictObject({ role: z.enum(MessageRole), content: text(1, MAX_MESSAGE_CHARACTERS) }))
    .max(500)
    .default([]),
});

/**
 * `GET /api/sessions` lists the newest first, `GET /api/sessions/:id` shows one with its messages and stages,
 * `POST /api/sessions` adds one.
 */
export function registerSessions(server: FastifyInstance): void {
  server.get("/api/sessions", { config: { takesQuery: true } }, (request) =>
    listSessions(listQuery.parse(request.query)),
  );

  server.get("/api/sessions/:id", async (request) => {
    const session = await findSessionView(byId.parse(request.params).id);
    if (session === null) throw new Refusal(404, "not_found", "There is no such record.");
    return session;
  });

  server.post("/api/sessions", async (request, reply) => {
    const { company, externalId, startedAt, messages } = newSession.parse(request.body);
    const session = await inTransaction(async (transaction) => {
      const companyId = await companyIdOf(transaction, company);
      return await transaction.chatSession.create({
        data: {
          companyId,
          externalId,
          startedAt,
          messages: {
            create: messages.map((message, position) => ({ ...message, position, sentAt: startedAt })),
          },
          // Its messages are here already: processing begins with the second stage.
          stages: {
            create: [
              { stage: "IMPORT", status: "SKIPPED" },
              { stage: "TRANSCRIPT", availableAt: new Date() },
            ],
          },
        },
      });
    });
    schedulers.wake();
    return reply.code(201).header("location", `/api/sessions/${session.id}`).send({ id: session.id });
  });
}
