import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { pageAssets } from "../generated/page-assets.ts";
import type { Health } from "../health/health.ts";
import { QUIET } from "../log/quiet-log.ts";
import { databasePage, lookMessage } from "../page/database-page.ts";
import { ASSETS_PATH, PAGE_PATH, SCRIPT_FILE, STYLE_FILE } from "../page/document.ts";
import { Feed } from "../page/feed.ts";
import { History } from "../page/history.ts";
import { LoginLimit } from "../page/login-limit.ts";
import { loginPage } from "../page/login-page.ts";
import { SESSION_SECONDS, Sessions } from "../page/session.ts";
import { isToken } from "../requests/auth.ts";
import { Refusal, UNAUTHORIZED } from "../requests/http-errors.ts";

/** What the page needs from the rest. */
export interface AdminPageOptions {
  readonly health: Pick<Health, "body" | "layers">;
  /** Opens the page; the one in force. */
  readonly healthToken: () => string;
  readonly isStopping: () => boolean;
}

const LOGIN_PATH = `${PAGE_PATH}/login`;
const COOKIE = "poolkit_page";
/** A token has at most 512 characters, each at most three when it is encoded. */
const MAX_FORM_BYTES = 2048;

/** Nothing but the application's own files, no inline script or style, in no frame of others. */
const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** The page at /admin/database for people: the health body, live. Its login takes the health token. */
export function registerAdminPage(server: FastifyInstance, options: AdminPageOptions): void {
  server.register(async (scope) => {
    scope.addHook("onRequest", (_request, reply, done) => {
      reply.headers({ ...SECURITY_HEADERS, "cache-control": "no-store" });
      done();
    });
    const sessions = new Sessions(options.healthToken);
    registerAssets(scope);
    registerLogin(scope, options.healthToken, sessions);
    registerContent(scope, options, sessions);
  });
}

const ASSETS: Readonly<Record<string, { readonly type: string; readonly content: string }>> = {
  [STYLE_FILE]: { type: "text/css; charset=utf-8", content: pageAssets.style },
  [SCRIPT_FILE]: { type: "text/javascript; charset=utf-8", content: pageAssets.script },
};

/** Open to everybody: they are the same for all and say nothing. */
function registerAssets(scope: FastifyInstance): void {
  scope.get<{ Params: { file: string } }>(
    `${ASSETS_PATH}/:file`,
    QUIET,
    async ({ params: { file } }, reply) => {
      const asset = Object.hasOwn(ASSETS, file) ? ASSETS[file] : undefined;
      if (asset === undefined) return reply.callNotFound();
      reply.header("cache-control", "public, max-age=31536000, immutable").type(asset.type);
      return reply.send(asset.content);
    },
  );
}

function registerLogin(scope: FastifyInstance, token: () => string, sessions: Sessions): void {
  const limit = new LoginLimit();
  scope.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string", bodyLimit: MAX_FORM_BYTES },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );
  scope.get(LOGIN_PATH, async (_request, reply) => sendPage(reply, loginPage()));
  scope.post(LOGIN_PATH, async (request, reply) => {
    const waitSeconds = limit.waitSeconds(request.ip);
    if (waitSeconds > 0) {
      reply.code(429).header("retry-after", waitSeconds);
      return sendPage(reply, loginPage(`Too many wrong tokens; try again in ${waitSeconds} s.`));
    }
    const presented = request.body instanceof URLSearchParams ? request.body.get("token") : null;
    if (!isToken(presented ?? "", token())) {
      limit.noteWrong(request.ip);
      return sendPage(reply.code(403), loginPage("This is not the health token."));
    }
    return reply
      .header("set-cookie", cookie(request, sessions.begin(), SESSION_SECONDS))
      .redirect(PAGE_PATH, 303);
  });
  scope.post(`${PAGE_PATH}/logout`, async (request, reply) => {
    sessions.end(sessionOf(request));
    return reply.header("set-cookie", cookie(request, "", 0)).redirect(LOGIN_PATH, 303);
  });
}

function registerContent(scope: FastifyInstance, options: AdminPageOptions, sessions: Sessions): void {
  const { health, isStopping } = options;
  const now = () => new Date().toISOString();
  const history = new History(() => health.layers());
  const feed = new Feed({
    history: () => history.points,
    look: async () => lookMessage(await health.body(), history.points, now()),
  });
  scope.addHook("onListen", async () => history.start());
  // Before the listener closes, and so before anybody waits for requests to end: a stream has no end of its own.
  scope.addHook("preClose", async () => {
    history.stop();
    feed.close();
  });
  scope.get(PAGE_PATH, QUIET, async (request, reply) => {
    if (!sessions.isValid(sessionOf(request))) return reply.redirect(LOGIN_PATH, 303);
    return sendPage(reply, databasePage(await health.body(), history.points, now()));
  });
  scope.get(`${PAGE_PATH}/events`, { ...QUIET, exposeHeadRoute: false }, async (request, reply) => {
    const session = sessionOf(request);
    const mayWatch = () => sessions.isValid(session);
    if (!mayWatch()) return reply.code(401).send(UNAUTHORIZED);
    const stream = isStopping() ? null : feed.open(mayWatch);
    if (stream === null) throw new Refusal(503, "too_many_streams", "No more pages can be live; load again.");
    // The connection ends with the stream, so that a stop finds it gone.
    return reply.header("connection", "close").type("text/event-stream; charset=utf-8").send(stream);
  });
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.type("text/html; charset=utf-8").send(page);
}

/** Not readable for scripts, never sent along by other sites, and over HTTPS only where this request came so. */
function cookie({ protocol }: FastifyRequest, value: string, seconds: number): string {
  const secure = protocol === "https" ? "; Secure" : "";
  return `${COOKIE}=${value}; Path=${PAGE_PATH}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

function sessionOf({ headers }: FastifyRequest): string | undefined {
  return headers.cookie
    ?.split(/; */)
    .find((pair) => pair.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);
}
