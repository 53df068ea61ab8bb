import Fastify, { type FastifyInstance, type FastifyServerOptions } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { healthBody, layersOf } from "../../../app/health/health-body.ts";
import { ASSETS_PATH, PAGE_PATH, SCRIPT_FILE, STYLE_FILE } from "../../../app/page/document.ts";
import { registerAdminPage } from "../../../app/routes/admin-page.ts";
import { context, healthy } from "../../support/observation.ts";

const [STYLE_PATH, SCRIPT_PATH] = [`${ASSETS_PATH}/${STYLE_FILE}`, `${ASSETS_PATH}/${SCRIPT_FILE}`];
const TOKEN = "0123456789abcdef0123456789abcdef";
const health = {
  body: async () => healthBody(healthy, context),
  layers: async () => layersOf(healthy),
};
const servers: FastifyInstance[] = [];
let stopping = false;

function start(options: FastifyServerOptions = {}, token = () => TOKEN): FastifyInstance {
  const server = Fastify(options);
  registerAdminPage(server, { health, healthToken: token, isStopping: () => stopping });
  servers.push(server);
  return server;
}
const logIn = (server: FastifyInstance, token: string, headers: Record<string, string> = {}) =>
  server.inject({
    method: "POST",
    url: `${PAGE_PATH}/login`,
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    payload: new URLSearchParams({ token }).toString(),
  });
const cookieOf = (setCookie: unknown) => String(setCookie).split(";")[0] ?? "";
/** Logs in and gives the headers of the session. */
const session = async (server: FastifyInstance) => ({
  cookie: cookieOf((await logIn(server, TOKEN)).headers["set-cookie"]),
});

afterEach(async () => {
  stopping = false;
  for (const server of servers.splice(0)) await server.close();
});

describe("login", () => {
  it("takes the token for a cookie that no script reads and no other site sends, without the token in it", async () => {
    const server = start();
    const answer = await logIn(server, TOKEN);
    expect([answer.statusCode, answer.headers.location]).toEqual([303, PAGE_PATH]);
    expect(answer.headers["set-cookie"]).toMatch(
      /^poolkit_page=[\w.-]+; Path=\/admin\/database; Max-Age=3600; HttpOnly; SameSite=Strict$/,
    );
    expect(answer.headers["set-cookie"]).not.toContain(TOKEN);
    const page = await server.inject({ url: PAGE_PATH, headers: await session(server) });
    expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.body).toContain("Pass");
  });

  it.each(["", "wrong", `${TOKEN}x`, TOKEN.toUpperCase()])("refuses the token %j", async (token) => {
    const answer = await logIn(start(), token);
    expect([answer.statusCode, answer.headers["set-cookie"]]).toEqual([403, undefined]);
    expect(answer.body).toContain("This is not the health token.");
  });

  it("never takes the token from the address, from JSON or from a header", async () => {
    const server = start();
    const answers = await Promise.all([
      server.inject({ method: "POST", url: `${PAGE_PATH}/login?token=${TOKEN}` }),
      server.inject({ method: "POST", url: `${PAGE_PATH}/login`, payload: { token: TOKEN } }),
      server.inject({ url: PAGE_PATH, headers: { authorization: `Bearer ${TOKEN}` } }),
      server.inject({ url: `${PAGE_PATH}?token=${TOKEN}` }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403, 303, 303]);
  });

  it("lets an address wait after ten wrong tokens, then also with the right one", async () => {
    const server = start();
    for (let wrong = 0; wrong < 10; wrong += 1) expect((await logIn(server, "wrong")).statusCode).toBe(403);
    const answer = await logIn(server, TOKEN);
    expect(answer.statusCode).toBe(429);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  });

  it("sends the cookie over HTTPS only where the request came so, and believes a proxy only where it is trusted", async () => {
    const behindProxy = { "x-forwarded-proto": "https" };
    const trusting = await logIn(start({ trustProxy: true }), TOKEN, behindProxy);
    expect(trusting.headers["set-cookie"]).toMatch(/; Secure$/);
    expect((await logIn(start(), TOKEN, behindProxy)).headers["set-cookie"]).not.toMatch(/Secure/);
  });

  it("ends with the logout, also for a copy of the cookie", async () => {
    const server = start();
    const headers = await session(server);
    const answer = await server.inject({ method: "POST", url: `${PAGE_PATH}/logout`, headers });
    expect(answer.headers["set-cookie"]).toMatch(/^poolkit_page=; .*Max-Age=0/);
    expect((await server.inject({ url: PAGE_PATH, headers })).headers.location).toBe(`${PAGE_PATH}/login`);
  });

  it("ends when the token changes", async () => {
    let token = TOKEN;
    const server = start({}, () => token);
    const headers = await session(server);
    token = `${TOKEN}x`;
    expect((await server.inject({ url: PAGE_PATH, headers })).statusCode).toBe(303);
  });
});

describe("headers", () => {
  it.each([PAGE_PATH, `${PAGE_PATH}/login`, `${PAGE_PATH}/events`, STYLE_PATH, SCRIPT_PATH])(
    "%s",
    async (url) => {
      const { headers } = await start().inject(url);
      expect(headers["content-security-policy"]).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      );
      expect(headers["content-security-policy"]).not.toMatch(/unsafe|https?:|\*/);
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "x-frame-options": "DENY" });
    },
  );

  it("come with two files and no other", async () => {
    for (const file of ["page.css", "constructor", "..%2f..%2fserver.mjs"]) {
      expect((await start().inject(`${ASSETS_PATH}/${file}`)).statusCode).toBe(404);
    }
  });

  it("keep the page out of caches and its files in them", async () => {
    const server = start();
    const page = await server.inject({ url: PAGE_PATH, headers: await session(server) });
    expect(page.headers["cache-control"]).toBe("no-store");
    expect((await server.inject(SCRIPT_PATH)).headers["cache-control"]).toContain("immutable");
  });
});

describe("the events", () => {
  /** Reads a stream until `isEnough` of what came, or to its end. */
  const read = async (response: Response, isEnough: (text: string) => boolean) => {
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (isEnough(text)) break;
    }
    return text;
  };
  const listen = async (token = () => TOKEN) => {
    const server = start({}, token);
    const url = await server.listen({ port: 0, host: "127.0.0.1" });
    const headers = await session(server);
    return { server, events: () => fetch(`${url}${PAGE_PATH}/events`, { headers }) };
  };

  it("need a session", async () => {
    expect((await start().inject(`${PAGE_PATH}/events`)).statusCode).toBe(401);
  });

  it("begin with the history and bring looks", async () => {
    const { events } = await listen();
    const response = await events();
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const text = await read(response, (soFar) => soFar.split("event: look").length > 2);
    expect(text).toMatch(/^event: history\ndata: \[.*\]\n\nevent: look\ndata: \{"title":"Pass/);
  });

  it("are for so many at a time, and a page that leaves makes room", async () => {
    const { events } = await listen();
    const responses = await Promise.all(Array.from({ length: 51 }, events));
    const statuses = responses.map(({ status }) => status).sort();
    expect(statuses.filter((status) => status === 200).length).toBe(50);
    expect(statuses.at(-1)).toBe(503);
    await Promise.all(responses.map(({ body }) => body?.cancel()));
    await expect.poll(async () => (await events()).status, { timeout: 10_000 }).toBe(200);
  });

  it("end when the session does", async () => {
    let token = TOKEN;
    const { events } = await listen(() => token);
    const response = await events();
    token = `${TOKEN}x`;
    expect(await read(response, () => false)).toContain("event: history");
  });

  it("end when the server closes, and begin no more once it stops", async () => {
    const { server, events } = await listen();
    const response = await events();
    stopping = true;
    expect((await events()).status).toBe(503);
    await Promise.all([server.close(), read(response, () => false)]);
  });
});
