import type { FastifyInstance } from "fastify";
import { z } from "zod";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route checks its query parameters by itself. */
    takesQuery?: true;
  }
}

const noQuery = z.strictObject({});

/** Refuses every query parameter of routes that take none: a misspelt one must not be ignored in silence. */
export function refuseUnknownQuery(scope: FastifyInstance): void {
  // With a callback, as the other hooks; Fastify makes a new object whenever it is asked for routeOptions, so only where
  // there are parameters.
  scope.addHook("preValidation", (request, _reply, done) => {
    const isChecked = hasNone(request.query) || request.routeOptions.config.takesQuery === true;
    done(isChecked ? undefined : noQuery.safeParse(request.query).error);
  });
}

function hasNone(query: unknown): boolean {
  return typeof query === "object" && query !== null && Object.keys(query).length === 0;
}
