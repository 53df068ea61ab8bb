import { type HealthBody, healthBody } from "./health-body.ts";

/** What asking the health endpoint gave: its answer, or why there was none. */
export type Probe =
  | { readonly reached: true; readonly body: HealthBody }
  | { readonly reached: false; readonly reason: string };

/** The endpoint itself answers within 2 s; the rest is for the way there. */
const timeoutMilliseconds = 5_000;

/** Asks once. Never throws for a stack that does not answer. */
export async function probeHealth(healthUrl: string, token: string): Promise<Probe> {
  try {
    const response = await fetch(healthUrl, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    if (response.status === 401) {
      return {
        reached: false,
        reason: `${healthUrl} refuses the stack's token (401): the application runs with another one; run: poolkit up --refresh`,
      };
    }
    const parsed = healthBody.safeParse(await response.json());
    return parsed.success
      ? { reached: true, body: parsed.data }
      : { reached: false, reason: `${healthUrl} answered ${response.status} without a health body` };
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return { reached: false, reason: `${healthUrl} does not answer: ${cause}` };
  }
}

/** 0 for pass, 1 for warn, 2 for fail or unreachable. */
export function exitCode(probe: Probe): number {
  return probe.reached ? { pass: 0, warn: 1, fail: 2 }[probe.body.status] : 2;
}
