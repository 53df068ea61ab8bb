import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";

/**
 * One GET request. Not `fetch`: that refuses ports on a list of its own (6000, 10080 …) which are as good as any other
 * here. Rejects when there is no answer or the signal is aborted.
 */
export async function httpGet(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const { get: request } = await import(url.startsWith("https:") ? "node:https" : "node:http");
  const { text } = await import("node:stream/consumers");
  const sent: ClientRequest = request(url, { headers, signal });
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
