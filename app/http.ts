import Fastify, { type FastifyInstance } from "fastify";
import { isBearer } from "./lib/auth.ts";
import type { Config } from "./lib/config.ts";
import type { Health } from "./lib/health.ts";
import { sendError, sendNotFound, UNAUTHORIZED } from "./lib/http-errors.ts";
import { registerDashboard } from "./routes/dashboard.ts";
import { registerDatabaseHealth } from "./routes/database-health.ts";
import { registerProbes } from "./routes/probes.ts";
import { registerSessions } from "./routes/sessions.ts";

/** What the server needs from the rest. Functions where the value may change while the process runs. */
export interface HttpOptions {
  readonly config: Config;
  /** Opens health. */
  readonly healthToken: () => string;
  /** Opens the product's routes. */
  readonly apiToken: () => string;
  readonly isStopping: () => boolean;
  readonly health: Health;
}

/** Bounds for slow and greedy callers (Node's own defaults are minutes and no limit at all). */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const MAX_SOCKETS = 2000;
const MAX_BODY_BYTES = 1024 * 1024;

/** Builds the server with all its routes; opens no port. */
export function buildServer({
  config,
  healthToken,
  apiToken,
  isStopping,
  health,
}: HttpOptions): FastifyInstance {
  const server = Fastify({
    logger: loggerOptions(config),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    // During a stop a request that is already here is served, not refused: callers were told by readiness.
    return503OnClosing: false,
    // What is refused before any route is found (a broken address) looks like every other refusal.
    frameworkErrors: sendError,
  });
  server.server.maxConnections = MAX_SOCKETS;
  server.setErrorHandler(sendError);
  server.setNotFoundHandler(sendNotFound);
  server.addHook("onSend", async (_request, reply) => {
    if (isStopping()) reply.header("connection", "close");
  });
  registerProbes(server, { isStopping, isReachable: () => health.isReachable() });
  guarded(server, healthToken, (scope) => registerDatabaseHealth(scope, health));
  guarded(server, apiToken, (scope) => {
    registerSessions(scope);
    registerDashboard(scope);
  });
  return server;
}

/** Registers routes that answer only to those who send the token; everybody else gets the same 401. */
function guarded(
  server: FastifyInstance,
  token: () => string,
  routes: (scope: FastifyInstance) => void,
): void {
  server.register(async (scope) => {
    scope.addHook("onRequest", async (request, reply) => {
      if (isBearer(request.headers.authorization, token())) return;
      await reply.code(401).header("www-authenticate", 'Bearer realm="poolkit"').send(UNAUTHORIZED);
    });
    routes(scope);
  });
}

/** JSON lines on stdout. A request is logged by method and path only: a query string may hold what people type. */
function loggerOptions({ logLevel, stack, preset }: Config) {
  return {
    level: logLevel,
    base: { stack, preset },
    redact: {
      paths: ["req.headers.authorization", "*.password", "*.connectionString"],
      censor: "[redacted]",
    },
    serializers: {
      req: ({ method, url }: { method: string; url: string }) => ({ method, path: url.split("?")[0] ?? "" }),
    },
  };
}
