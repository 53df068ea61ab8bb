import type { FastifyServerOptions } from "fastify";
import type { Config } from "../config/config.ts";
import type { LogSampler } from "./log-sampler.ts";
import { SAMPLED_BY_REQUEST } from "./request-log.ts";
import { scrubbed } from "./scrub.ts";

type LoggerOptions = Exclude<FastifyServerOptions["logger"], boolean | undefined>;

/** pino's number for the level above error: the last words of a process, always written. */
const FATAL = 60;

/**
 * JSON lines on stdout, sampled when there are many and without secrets. A request is logged by method and path only: a
 * query string may hold what people type.
 */
export function loggerOptions({ logLevel, stack, preset }: Config, sampler: LogSampler): LoggerOptions {
  return {
    level: logLevel,
    base: { stack, preset },
    serializers: {
      req: ({ method, url }: { method: string; url: string }) => ({ method, path: url.split("?")[0] ?? "" }),
    },
    hooks: {
      logMethod(args, method, level) {
        const message = messageOf(args);
        if (level >= FATAL || SAMPLED_BY_REQUEST.has(message) || sampler.admits(message)) {
          method.apply(this, args);
        }
      },
      streamWrite: scrubbed,
    },
  };
}

/** pino takes (message), (fields) and (fields, message). */
function messageOf([first, second]: readonly unknown[]): string {
  const message = typeof first === "string" ? first : second;
  return typeof message === "string" ? message : "";
}
