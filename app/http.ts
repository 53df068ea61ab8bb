import type { IncomingMessage } from "node:http";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Config } from "./config/config.ts";
import { withCaller } from "./database/work-context.ts";
import type { Health } from "./health/health.ts";
import type { LogSampler } from "./log/log-sampler.ts";
import { loggerOptions } from "./log/logger.ts";
import { RequestLog } from "./log/request-log.ts";
import type { MetricsSources } from "./metrics/metrics.ts";
import { measureRequests } from "./metrics/process-metrics.ts";
import { isBearer } from "./requests/auth.ts";
import { answerUnknown, sendError, UNAUTHORIZED } from "./requests/http-errors.ts";
import { refuseUnknownQuery } from "./requests/query-check.ts";
import { registerAdminPage } from "./routes/admin-page.ts";
import { registerDashboard } from "./routes/dashboard.ts";
import { registerDatabaseHealth } from "./routes/database-health.ts";
import { registerImports } from "./routes/imports.ts";
import { registerMetrics } from "./routes/metrics.ts";
import { registerProbes } from "./routes/probes.ts";
import { registerSessions } from "./routes/sessions.ts";

/** What the server needs from the rest. Functions where the value may change while the process runs. */
export interface HttpOptions {
  readonly config: Config;
  /** Opens health and metrics. */
  readonly healthToken: () => string;
  /** Opens metrics; undefined = only the health token does. */
  readonly metricsToken: () => string | undefined;
  /** Opens the product's routes. */
  readonly apiToken: () => string;
  readonly isStopping: () => boolean;
  readonly health: Health;
  readonly metrics: MetricsSources;
  /** Decides which log lines are written under load. */
  readonly logSampler: LogSampler;
}

/** Bounds for slow and greedy callers (Node's own defaults are minutes and no limit at all). */
const HEADERS_TIMEOUT_MS = 10_000;
const BODY_TIMEOUT_MS = 15_000;
/** Node has one limit for all requests, so it is that of the longest: an import at the speed of a slow line. */
const REQUEST_TIMEOUT_MS = 3_600_000;
const MAX_SOCKETS = 2000;
const MAX_BODY_BYTES = 1024 * 1024;

/** Builds the server with all its routes; opens no port. */
export function buildServer({
  config,
  healthToken,
  metricsToken,
  apiToken,
  isStopping,
  health,
  metrics,
  logSampler,
}: HttpOptions): FastifyInstance {
  const server = Fastify({
    logger: loggerOptions(config, logSampler),
    logController: new RequestLog(logSampler),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    // During a stop a request that is already here is served, not refused: callers were told by readiness.
    return503OnClosing: false,
    // What is refused before any route is found (a broken address) looks like every other refusal. No hook sees it: nobody
    // reads its body or limits its time, so the connection ends with the answer.
    frameworkErrors: (error, request, reply) => {
      sendError(error, request, reply.header("connection", "close"));
    },
  });
  logSampler.onLeftOut = (lines) => server.log.info({ lines }, "log lines left out");
  server.server.maxConnections = MAX_SOCKETS;
  server.setErrorHandler(sendError);
  answerUnknown(server);
  measureRequests(server, metrics.registry);
  // Hooks with a callback: a promise for each of them would cost every request of the main load.
  server.addHook("onRequest", (request, _reply, done) => {
    limitBodyTime(request);
    done();
  });
  // After the body was read: before, the reading would continue outside of this context.
  server.addHook("preHandler", (request, _reply, done) => {
    withCaller(`${request.method} ${request.routeOptions.url ?? "unknown route"}`, done, request.id);
  });
  server.addHook("onSend", (request, reply, _payload, done) => {
    // Answered before its body was read (no token, say): nobody reads the rest, so the connection ends with the answer.
    if (isStopping() || hasUnreadBody(request.raw)) reply.header("connection", "close");
    done();
  });
  registerProbes(server, { isStopping, isReachable: () => health.isReachable() });
  guarded(server, [healthToken], (scope) => registerDatabaseHealth(scope, health));
  registerAdminPage(server, { health, healthToken, isStopping });
  guarded(server, [metricsToken, healthToken], (scope) => registerMetrics(scope, metrics));
  guarded(server, [apiToken], (scope) => {
    registerSessions(scope);
    registerImports(scope, { isStopping, leaseSeconds: config.processing.leaseSeconds });
    registerDashboard(scope);
  });
  return server;
}

/** Registers routes that answer only to those who send one of the tokens; everybody else gets the same 401. */
function guarded(
  server: FastifyInstance,
  tokens: readonly (() => string | undefined)[],
  routes: (scope: FastifyInstance) => void,
): void {
  server.register(async (scope) => {
    scope.addHook("onRequest", (request, reply, done) => {
      // All of them are compared: the time does not tell which one was close.
      const opens = tokens.filter((token) => isBearer(request.headers.authorization, token() ?? ""));
      if (opens.length > 0) done();
      else reply.code(401).header("www-authenticate", 'Bearer realm="poolkit"').send(UNAUTHORIZED);
    });
    refuseUnknownQuery(scope);
    routes(scope);
  });
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route reads its body piece by piece, for as long as it takes. */
    streamsBody?: true;
  }
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
const hasUnreadBody = (request: IncomingMessage) => hasBody(request) && request.complete === false;

/** Cuts the connection of a caller whose body does not come to an end, unless the route is made for long ones. */
function limitBodyTime(request: FastifyRequest): void {
  const { raw } = request;
  // Fastify makes a new object whenever it is asked for routeOptions: last, and only for requests with a body.
  if (!hasBody(raw) || raw.complete || request.routeOptions.config.streamsBody === true) return;
  const timer = setTimeout(() => {
    if (!raw.complete) raw.destroy();
  }, BODY_TIMEOUT_MS);
  raw.once("close", () => clearTimeout(timer));
}
