import { type FastifyReply, type FastifyRequest, LogController } from "fastify";
import type { LogSampler } from "./log-sampler.ts";

/** Messages of Fastify's that are decided about per request and not per line: a request is told from begin to end. */
export const SAMPLED_BY_REQUEST: ReadonlySet<string> = new Set(["incoming request", "request completed"]);

const WITH_INFO = new Set(["info", "debug", "trace"]);

/**
 * Begin and end of requests, sampled under load. A request that fails is told by http-errors.ts with its address, whether
 * its begin was told or not; failures are a message of their own and have a sample of their own.
 */
export class RequestLog extends LogController {
  readonly #sampler: LogSampler;
  readonly #begun = new WeakSet<FastifyRequest>();

  constructor(sampler: LogSampler) {
    super();
    this.#sampler = sampler;
  }

  override incomingRequest(request: FastifyRequest, reply: FastifyReply): void {
    // Probes have a level of their own: what is not written anyway takes nothing of the sample.
    if (!WITH_INFO.has(request.log.level) || !this.#sampler.admits("request", SAMPLED_BY_REQUEST.size))
      return;
    this.#begun.add(request);
    super.incomingRequest(request, reply);
  }

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    if (error instanceof Error || this.#begun.has(request)) super.requestCompleted(error, request, reply);
  }
}
