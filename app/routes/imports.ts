import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { name } from "../processing/fields.ts";
import { type ImportOutcome, importProcessor } from "../processing/import-processor.ts";
import { readImport } from "../processing/import-store.ts";
import { schedulers } from "../processing/schedulers.ts";
import { Refusal } from "../requests/http-errors.ts";

/** Each import takes a connection for most of its time: more at once would starve the other requests. */
const MAX_RUNNING = 2;
/** What is still read of a refused file before the answer; behind that the connection ends with it. */
const MAX_DISCARDED_BYTES = 16 * 1024 * 1024;
const MAX_DISCARD_MS = 2000;

const newImport = z.strictObject({ company: name, fileName: name.default("sessions.csv") });
const byId = z.strictObject({ id: z.uuid() });

/** What the imports need to know of the process. */
export interface ImportRoutes {
  readonly isStopping: () => boolean;
  /** See ImportRequest. */
  readonly leaseSeconds: number;
}

/**
 * `POST /api/imports?company=…` takes a CSV file of sessions as its body and answers when it is read;
 * `GET /api/imports/:id` tells how an import stands.
 */
export function registerImports(server: FastifyInstance, { isStopping, leaseSeconds }: ImportRoutes): void {
  server.get("/api/imports/:id", (request) => readImport(byId.parse(request.params).id));

  // A scope of its own: only here is a body a stream, and only a CSV file is one.
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("text/csv", (_request, body, done) => done(null, body));
    scope.post(
      "/api/imports",
      { config: { streamsBody: true, takesQuery: true } },
      async (request, reply) => {
        const { company, fileName } = newImport.parse(request.query);
        const source = request.body;
        if (!(source instanceof Readable)) {
          throw new Refusal(415, "unsupported_media_type", "Send the file as the body, as text/csv.");
        }
        if (isStopping()) throw new Refusal(503, "stopping", "The application is stopping; send it again.");
        if (importProcessor.running >= MAX_RUNNING) {
          reply.header("retry-after", "5");
          throw new Refusal(
            429,
            "too_many_imports",
            `At most ${MAX_RUNNING} imports run at once; try again.`,
          );
        }
        const outcome = await importProcessor.run({ company, fileName, source, leaseSeconds });
        schedulers.wake();
        // The sender of a file that is wrong goes on sending for a while, and hears the answer only then.
        if (outcome.kind === "refused") await discard(source);
        reply.header("location", `/api/imports/${outcome.report.id}`);
        return reply.code(STATUS[outcome.kind]).send(bodyOf(outcome));
      },
    );
  });
}

const STATUS: Readonly<Record<ImportOutcome["kind"], number>> = {
  completed: 201,
  refused: 422,
  interrupted: 503,
};

function bodyOf(outcome: ImportOutcome) {
  const { report } = outcome;
  if (outcome.kind === "completed") return report;
  const code = outcome.kind === "refused" ? outcome.code : "import_interrupted";
  return { error: { code, message: report.error }, import: report };
}

/** Reads on for a while without keeping anything. */
async function discard(source: Readable): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, MAX_DISCARD_MS);
  let bytes = 0;
  source.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MAX_DISCARDED_BYTES) resolve();
  });
  for (const event of ["end", "close", "error"]) source.once(event, () => resolve());
  if (source.readableEnded || source.destroyed) resolve();
  await enough;
  clearTimeout(timer);
}
