import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ZodError } from "zod";
import { classifyFailure, type FailureKind } from "../database/database-failure.ts";

/** Every error answer: a code for programs, a sentence for people, and what is wrong with each field where it applies. */
export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly fields?: readonly { readonly path: string; readonly message: string }[];
  };
}

interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorBody;
}

const answer = (status: number, code: string, message: string): ErrorAnswer => ({
  status,
  body: { error: { code, message } },
});

const UNAVAILABLE = answer(
  503,
  "database_unavailable",
  "The database is not available at the moment; try again.",
);
const INTERNAL = answer(
  500,
  "internal_error",
  "The request failed; the log has the reason under this request's id.",
);
const NOTHING_HERE = answer(404, "not_found", "There is nothing at this address.").body;
/** Failures that are about the request; every other one of the database is answered with 503. */
const DATABASE_ANSWERS: Partial<Readonly<Record<FailureKind, ErrorAnswer>>> = {
  conflict: answer(409, "conflict", "A record with this name exists already."),
  missing_reference: answer(422, "missing_reference", "The request names a record that does not exist."),
  not_found: answer(404, "not_found", "There is no such record."),
  missing_table: INTERNAL,
  forbidden: INTERNAL,
};

/** The one answer for a missing, malformed and wrong token, so that nobody learns which it was. */
export const UNAUTHORIZED: ErrorBody = {
  error: { code: "unauthorized", message: "Send the token as Authorization: Bearer <token>." },
};

/** A refusal with a status and code of its own; the message is for the one who sent the request. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Turns an error into an answer that shows no stack, no host, no user and no SQL. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof ZodError) {
    const fields = error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
    return {
      status: 400,
      body: { error: { code: "invalid_request", message: "The request is not valid.", fields } },
    };
  }
  if (error instanceof Refusal) return answer(error.status, error.code, error.message);
  // Fastify's own refusals (body too large, no JSON, …) carry a client status and a message made for clients. Before what
  // is the database's: a caller who breaks off in the middle of a body is an ECONNRESET, too.
  if (isClientError(error)) return answer(error.statusCode, "invalid_request", error.message);
  const kind = classifyFailure(error);
  return kind === "other" ? INTERNAL : (DATABASE_ANSWERS[kind] ?? UNAVAILABLE);
}

function isClientError(error: unknown): error is Error & { statusCode: number } {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 && status < 500;
}

/** Fastify's error handler. */
export function sendError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = errorAnswer(error);
  // With the request: its first line may have been left out of a sampled log.
  if (status >= 500) request.log.error({ req: request, err: error }, "request failed");
  if (status === 503) reply.header("retry-after", "1");
  return reply.code(status).send(body);
}

/**
 * Answers unknown addresses; a known address with another method gets 405 and the methods it has. To be called before the
 * routes are registered.
 */
export function answerUnknown(server: FastifyInstance): void {
  const routes: { readonly address: URLPattern; readonly methods: readonly string[] }[] = [];
  server.addHook("onRoute", ({ url, method }) => {
    routes.push({ address: new URLPattern({ pathname: url }), methods: [method].flat() });
  });
  // Fastify asks for its content type before it looks whether the route has it: none of ours does.
  server.addHttpMethod("QUERY", { hasBody: false, overrideExisting: true });
  server.setNotFoundHandler((request, reply) => {
    const pathname = request.url.split("?")[0] ?? "/";
    const known = routes.filter(({ address }) => address.test({ pathname }));
    const allowed = [...new Set(known.flatMap(({ methods }) => methods))].sort().join(", ");
    // A route that has the method and found nothing at this very address says so itself.
    if (allowed === "" || allowed.split(", ").includes(request.method)) {
      return reply.code(404).send(NOTHING_HERE);
    }
    const { body } = answer(405, "method_not_allowed", `Allowed here: ${allowed}.`);
    return reply.code(405).header("allow", allowed).send(body);
  });
}
