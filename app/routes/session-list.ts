import { z } from "zod";
import { prisma } from "../database/prisma.ts";
import type { Prisma } from "../generated/prisma/client.ts";
import { SessionStatus } from "../generated/prisma/enums.ts";
import { instant, name } from "../processing/fields.ts";

/** Largest page: keeps one request from holding a connection and memory for long. */
const MAX_PAGE = 100;

/** The last session of a page, as the next one's beginning. */
const position = z.tuple([instant, z.uuid()]);
type Position = z.infer<typeof position>;

const cursor = z.string().transform((text, context): Position => {
  try {
    return position.parse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
  } catch {
    context.addIssue({ code: "custom", message: "is no cursor of this list; take next of the page before" });
    return z.NEVER;
  }
});

/** Decimal digits alone: JavaScript would take 0x10, 1e1 and an empty text for numbers, too. */
const limit = z
  .string()
  .regex(/^\d{1,9}$/, "must be a whole number")
  .transform(Number)
  .pipe(z.number().min(1).max(MAX_PAGE));

/** Which sessions to list. `from` is included, `to` is not; both are about the session's beginning. */
export const listQuery = z.strictObject({
  limit: limit.default(20),
  cursor: cursor.optional(),
  company: name.optional(),
  status: z.enum(SessionStatus).optional(),
  from: instant.optional(),
  to: instant.optional(),
});

/**
 * One page of sessions, the newest first, and the cursor of the page behind it (null on the last one). Paging goes by
 * the last session seen, not by counting: every page costs the same, and new sessions shift nothing.
 */
export async function listSessions({ limit, cursor: after, ...filter }: z.infer<typeof listQuery>) {
  const found = await prisma.chatSession.findMany({
    where: { ...filters(filter), ...(after === undefined ? {} : behind(after)) },
    // One more than asked for tells whether there is a next page.
    take: limit + 1,
    orderBy: [{ startedAt: "desc" }, { id: "desc" }],
    select: {
      id: true,
      externalId: true,
      status: true,
      startedAt: true,
      endedAt: true,
      company: { select: { name: true } },
      _count: { select: { messages: true } },
    },
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    sessions: page.map(({ id, externalId, company, status, startedAt, endedAt, _count }) => ({
      id,
      externalId,
      company: company.name,
      status,
      startedAt,
      endedAt,
      messages: _count.messages,
    })),
    next: found.length > limit && last !== undefined ? cursorOf(last) : null,
  };
}

function cursorOf({ startedAt, id }: { readonly startedAt: Date; readonly id: string }): string {
  return Buffer.from(JSON.stringify([startedAt.toISOString(), id] satisfies Position)).toString("base64url");
}

function filters({ company, status, from, to }: Omit<z.infer<typeof listQuery>, "limit" | "cursor">) {
  return {
    ...(company === undefined ? {} : { company: { name: company } }),
    ...(status === undefined ? {} : { status }),
    ...(from === undefined && to === undefined
      ? {}
      : { startedAt: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
  } satisfies Prisma.ChatSessionWhereInput;
}

/** The bound on `startedAt` alone looks superfluous, but it is what lets Postgres begin in the middle of the index. */
function behind([startedAt, id]: Position) {
  return {
    AND: [
      { startedAt: { lte: startedAt } },
      { OR: [{ startedAt: { lt: startedAt } }, { startedAt, id: { lt: id } }] },
    ],
  } satisfies Prisma.ChatSessionWhereInput;
}
