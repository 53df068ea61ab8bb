import type { ToldVerdict } from "../health/health.ts";

/** Tells a verdict of health when it is another one than the last; the first one always. */
export function healthLog(log: {
  info(fields: object, message: string): void;
}): (verdict: ToldVerdict) => void {
  let last = "";
  return ({ status, cause, output }) => {
    const verdict = `${status} ${cause}`;
    if (verdict === last) return;
    last = verdict;
    log.info({ status, cause, output: output ?? undefined }, "health of the database");
  };
}
