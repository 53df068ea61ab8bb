import type { FastifyInstance } from "fastify";
import { prisma } from "../lib/prisma.ts";

/** `GET /api/dashboard`: the counts that the first page shows. */
export function registerDashboard(server: FastifyInstance): void {
  server.get("/api/dashboard", async () => {
    const [companies, users, messages, sessions] = await Promise.all([
      prisma.company.count(),
      prisma.user.count(),
      prisma.message.count(),
      prisma.chatSession.groupBy({ by: ["status"], _count: true }),
    ]);
    const byStatus = Object.fromEntries(sessions.map(({ status, _count }) => [status, _count]));
    return { companies, users, messages, sessions: byStatus };
  });
}
