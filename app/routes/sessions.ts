import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { MessageRole } from "../generated/prisma/enums.ts";
import { prisma } from "../lib/prisma.ts";
import { inTransaction } from "../lib/transaction.ts";

/** Largest page: keeps one request from holding a connection and memory for long. */
const MAX_PAGE = 100;

const listQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20) });

const newSession = z.strictObject({
  company: z.string().min(1).max(200),
  externalId: z.string().min(1).max(200),
  startedAt: z.iso.datetime({ offset: true }),
  messages: z
    .array(z.strictObject({ role: z.enum(MessageRole), content: z.string().min(1).max(20_000) }))
    .max(500)
    .default([]),
});

/** `GET /api/sessions` lists the newest first; `POST /api/sessions` adds one with its messages and its open stages. */
export function registerSessions(server: FastifyInstance): void {
  server.get("/api/sessions", async (request) => {
    const { limit } = listQuery.parse(request.query);
    const sessions = await prisma.chatSession.findMany({
      take: limit,
      orderBy: [{ startedAt: "desc" }, { id: "desc" }],
      include: { company: { select: { name: true } }, _count: { select: { messages: true } } },
    });
    return {
      sessions: sessions.map(({ id, externalId, company, status, startedAt, endedAt, _count }) => ({
        id,
        externalId,
        company: company.name,
        status,
        startedAt,
        endedAt,
        messages: _count.messages,
      })),
    };
  });

  server.post("/api/sessions", async (request, reply) => {
    const { company, externalId, startedAt, messages } = newSession.parse(request.body);
    const session = await inTransaction(async (transaction) => {
      // With this form Prisma writes INSERT … ON CONFLICT: two first sessions of one company do not collide.
      const { id: companyId } = await transaction.company.upsert({
        where: { name: company },
        create: { name: company },
        update: { name: company },
      });
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
    return reply.code(201).header("location", `/api/sessions/${session.id}`).send({ id: session.id });
  });
}
