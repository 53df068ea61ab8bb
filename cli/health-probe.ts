import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { type HealthBody, healthBody, healthSummary } from "./health-body.ts";

/** What asking the health endpoint gave: its answer, or why there was none. */
export type Probe =
  | { readonly reached: true; readonly body: HealthBody }
  | {
      readonly reached: false;
      readonly reason: string;
      /** The application is there and takes the stack's token for a wrong one. */
      readonly isRefused?: true;
    };

/** The endpoint itself answers within 2 s; the rest is for the way there. */
const defaultTimeoutMilliseconds = 5_000;

/** Where and how a stack tells its health; part of its outputs. */
export interface HealthEndpoint {
  readonly healthUrl: string;
  readonly healthToken: string;
  /** "status": an answer without a health body counts by its HTTP status, 2xx as healthy. */
  readonly healthFormat?: "health+json" | "status" | undefined;
}

/** Asks once. Never throws for a stack that does not answer. */
export async function probeHealth(
  { healthUrl, healthToken, healthFormat }: HealthEndpoint,
  timeoutMilliseconds = defaultTimeoutMilliseconds,
): Promise<Probe> {
  const signal = AbortSignal.timeout(timeoutMilliseconds);
  try {
    const { status, text } = await answerOf(healthUrl, healthToken, signal);
    if (status === 401) {
      return {
        reached: false,
        reason: `${healthUrl} refuses the stack's token (401): the application runs with another one`,
        isRefused: true,
      };
    }
    const parsed = healthBody.safeParse(json(text));
    if (parsed.success) return { reached: true, body: parsed.data };
    const plain = `answered ${status} without a health body`;
    if (healthFormat !== "status") return { reached: false, reason: `${healthUrl} ${plain}` };
    const isGood = status >= 200 && status < 300;
    return { reached: true, body: isGood ? { status: "pass" } : { status: "fail", cause: plain } };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const cause = signal.aborted ? `not within ${timeoutMilliseconds / 1000} s` : words;
    return { reached: false, reason: `${healthUrl} does not answer: ${cause}` };
  }
}

/** Not `fetch`: that refuses ports on a list of its own (6000, 10080 …), and the application may publish one of them. */
async function answerOf(
  url: string,
  token: string,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const sent = get(url, { headers: { authorization: `Bearer ${token}` }, signal });
  const [response]: IncomingMessage[] = await once(sent, "response");
  if (response === undefined) throw new Error("no response");
  return { status: response.statusCode ?? 0, text: await textOf(response) };
}

/** Why there was no answer and, where one is known, the command that mends it. */
export function whyUnreached(
  { reason, isRefused }: Extract<Probe, { readonly reached: false }>,
  stack: string,
): string {
  return isRefused ? `${reason}; run: pulumi up --refresh -s ${stack}` : reason;
}

/** For people: the summary of the answer, or why there was none. */
export function probeText(probe: Probe, stack: string): string {
  return probe.reached
    ? healthSummary(probe.body)
    : `health       unreachable: ${whyUnreached(probe, stack)}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** 0 for pass, 1 for warn, 2 for fail or unreachable. */
export function exitCode(probe: Probe): number {
  return probe.reached ? { pass: 0, warn: 1, fail: 2 }[probe.body.status] : 2;
}
