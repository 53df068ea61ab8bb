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
  scope.addHook("preValidation", async ({ routeOptions, query }) => {
    if (routeOptions.config.takesQuery !== true) noQuery.parse(query);
  });
}
