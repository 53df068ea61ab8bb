import { type AppProcess, HEALTH_TOKEN } from "../../test/support/app-process.ts";

/** A page at /admin/database that somebody watches: its live stream, read until it is closed. */
export interface OpenPage {
  /** Closes it and says how many messages came. */
  close(): Promise<number>;
}

/** Logs in as a browser does and follows the page's stream of events. */
export async function openPage(app: AppProcess): Promise<OpenPage> {
  const login = await fetch(`${app.url}/admin/database/login`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ token: HEALTH_TOKEN }),
  });
  const cookie = login.headers.getSetCookie()[0]?.split(";")[0];
  if (cookie === undefined) throw new Error(`the page's login answered ${login.status}`);
  const cut = new AbortController();
  const stream = await fetch(`${app.url}/admin/database/events`, { headers: { cookie }, signal: cut.signal });
  if (!stream.ok) throw new Error(`the page's stream answered ${stream.status}`);
  const messages = countMessages(stream);
  return {
    close() {
      cut.abort();
      return messages;
    },
  };
}

async function countMessages({ body }: Response): Promise<number> {
  let messages = 0;
  try {
    for await (const chunk of body ?? []) messages += Buffer.from(chunk).toString().split("\n\n").length - 1;
  } catch (error) {
    if (!(error instanceof Error && error.name === "AbortError")) throw error;
  }
  return messages;
}
