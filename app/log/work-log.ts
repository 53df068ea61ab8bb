import type { FastifyBaseLogger } from "fastify";
import type { PoolLog } from "../database/pool-log.ts";
import { currentWork } from "../database/work-context.ts";

/** Levels on which debug lines are written; the level does not change while the process runs. */
const DEBUG_LEVELS: readonly string[] = ["debug", "trace"];

/** The logger of code that does not know whose work it does: its lines carry the id of the request they belong to. */
export function workLog(log: FastifyBaseLogger): PoolLog {
  const debug: PoolLog["debug"] = (fields, message) => log.debug(ofRequest(fields), message);
  return {
    debug: DEBUG_LEVELS.includes(log.level) ? debug : undefined,
    info: (fields, message) => log.info(ofRequest(fields), message),
    warn: (fields, message) => log.warn(ofRequest(fields), message),
  };
}

function ofRequest(fields: object): object {
  const reqId = currentWork()?.requestId;
  return reqId === undefined ? fields : { reqId, ...fields };
}
