import type { HealthBody } from "../lib/health-body.ts";

type Verdict = Pick<HealthBody, "status" | "cause"> & { readonly output?: string };

/** Tells a verdict of health when it is another one than the last; the first one always. */
export function healthLog(log: { info(fields: object, message: string): void }): (body: Verdict) => void {
  let last = "";
  return ({ status, cause, output }) => {
    const verdict = `${status} ${cause}`;
    if (verdict === last) return;
    last = verdict;
    log.info({ status, cause, output }, "health of the database");
  };
}
