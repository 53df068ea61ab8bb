// The reference application with one mistake: SIGWINCH begins a transaction that nobody ends.
import "../../../app/server.ts";
import { prisma } from "../../../app/database/prisma.ts";

process.on("SIGWINCH", () => {
  prisma.$transaction(() => new Promise(() => {}), { timeout: 120_000 }).catch(() => {});
});
