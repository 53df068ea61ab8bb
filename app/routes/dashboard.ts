import type { FastifyInstance } from "fastify";
import { prisma } from "../database/prisma.ts";

/** `GET /api/dashboard`: the counts that the first page shows. */
export function registerDashboard(server: FastifyInstance): void {
  server.get("/api/dashboard", async () => {
    const [companies, users, messages, sessions, imports, stages] = await Promise.all([
      prisma.company.count(),
      prisma.user.count(),
      prisma.message.count(),
      prisma.chatSession.groupBy({ by: ["status"], _count: true }),
      prisma.import.groupBy({ by: ["status"], _count: true }),
      // Only what is not at its end has such a time, so this counts the backlog and not all that ever was.
      prisma.sessionStage.groupBy({ by: ["stage"], _count: true, where: { availableAt: { not: null } } }),
    ]);
    return {
      companies,
      users,
      messages,
      sessions: Object.fromEntries(sessions.map(({ status, _count }) => [status, _count])),
      imports: Object.fromEntries(imports.map(({ status, _count }) => [status, _count])),
      waitingStages: Object.fromEntries(stages.map(({ stage, _count }) => [stage, _count])),
    };
  });
}
