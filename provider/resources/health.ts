import { distinct } from "../model/distinct.ts";
import { messageOf } from "../model/errors.ts";
import { httpGet } from "./http-get.ts";

/** What the plugin uses of a health answer (`application/health+json`, draft-inadarei-api-health-check). */
export interface Health {
  /** `pass`, `warn` or `fail`; `unreachable` when there was no such answer. */
  readonly status: "pass" | "warn" | "fail" | "unreachable";
  /** The named cause, or why there was no answer. */
  readonly cause: string;
  /** One sentence for people; may be empty. */
  readonly output: string;
  readonly revision: string;
  /** Why the application kept its former settings; empty when it did not. */
  readonly lastError: string;
}

const requestTimeoutMs = 5_000;

/** Asks the health endpoint once. Never rejects: an endpoint that does not answer is an answer too. */
export async function askHealth(url: string, token: string, signal: AbortSignal): Promise<Health> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]);
  try {
    const { status, body } = await httpGet(url, { authorization: `Bearer ${token}` }, bounded);
    if (status === 401) return unreachable("HTTP 401: the endpoint refuses the token");
    return healthOf(parsed(body)) ?? plainHealth(status);
  } catch (error) {
    // Node tells an end before the answer from one in its middle; to people it is the same.
    const isLate = bounded.aborted;
    return unreachable(isLate ? `no answer within ${requestTimeoutMs / 1000} s` : messageOf(error));
  }
}

/** Where health is asked, and with what. */
export interface HealthEndpoint {
  readonly url: string;
  readonly token: string;
}

/**
 * Asks the endpoints that may be the application's while a change of them is under way: the wanted token holds from the
 * reload on, another port only once the container that publishes it is there, which comes later. The first answer counts;
 * when none does, why the wanted one did not.
 */
export async function askHealthBetween(
  wanted: HealthEndpoint,
  former: HealthEndpoint,
  signal: AbortSignal,
): Promise<Health> {
  let refusal: Health | undefined;
  for (const { url, token } of distinct([wanted, { ...wanted, url: former.url }, former])) {
    const health = await askHealth(url, token, signal);
    if (health.status !== "unreachable") return health;
    refusal ??= health;
  }
  return refusal ?? unreachable("no endpoint");
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The answer in words: `fail: postgres-unreachable (…)`. */
export function healthText({ status, cause, output }: Health): string {
  return `${status}${cause === "" ? "" : `: ${cause}`}${output === "" ? "" : ` (${output})`}`;
}

function healthOf(body: unknown): Health | undefined {
  const status = field(body, "status");
  if (status !== "pass" && status !== "warn" && status !== "fail") return undefined;
  const configuration =
    typeof body === "object" && body !== null && "configuration" in body ? body.configuration : {};
  return {
    status,
    cause: field(body, "cause"),
    output: field(body, "output"),
    revision: field(configuration, "revision"),
    lastError: field(configuration, "lastError"),
  };
}

/** What an answer without a health body says: its status is all there is (docs/your-own-application.md). */
function plainHealth(status: number): Health {
  const cause = `HTTP ${status} without a health body`;
  if (status >= 200 && status < 300) return { ...unreachable(cause), status: "pass" };
  return status === 503 ? { ...unreachable(cause), status: "fail" } : unreachable(cause);
}

function unreachable(cause: string): Health {
  return { status: "unreachable", cause, output: "", revision: "", lastError: "" };
}

function field(body: unknown, key: string): string {
  const value =
    typeof body === "object" && body !== null ? Object.getOwnPropertyDescriptor(body, key)?.value : "";
  return typeof value === "string" ? value : "";
}
