import {
  defaultDirectConnections,
  defaultMemoryMegabytes,
  demandRanges,
} from "./budget/application-demand.ts";
import { isObject } from "./given.ts";

/** Signals that may ask an application to read its files again. SIGTERM and SIGINT stop it. */
export const reloadSignals = ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
export type ReloadSignal = (typeof reloadSignals)[number];

/** One key of `poolkit:application`: what is allowed, in words and as a check, and what holds when it is left out. */
interface Key {
  readonly allowed: string;
  readonly meaning: string;
  readonly fallback: string | number | undefined;
  /** A value for the command that mends a refused one; undefined for an object, which no command sets as a whole. */
  readonly example: string | undefined;
  accepts(value: unknown): boolean;
}

const text = (pattern: RegExp) => (value: unknown) => typeof value === "string" && pattern.test(value);
const whole = (min: number, max: number) => ({
  allowed: `a whole number from ${min} to ${max}`,
  accepts: (value: unknown) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max,
});
const inRange = ({ min, max }: { readonly min: number; readonly max: number }) => whole(min, max);
const variable = {
  allowed: "a name of capital letters, digits and underscores, not a digit first",
  accepts: text(/^[A-Z_][A-Z0-9_]{0,99}$/),
};
const folder = { allowed: "a folder, relative to this project", accepts: text(/^[^\0\n]{1,1000}$/) };

/** Every key of `poolkit:application`; the documentation's table is made from it. */
export const applicationKeys: Readonly<Record<string, Key>> = {
  image: {
    allowed: "an image reference",
    accepts: text(/^[a-z0-9][a-zA-Z0-9._/:@-]{0,254}$/),
    meaning: "the image to run; use a tag that never moves, or a digest",
    fallback: undefined,
    example: "registry.example/shop:1.4.2",
  },
  context: {
    ...folder,
    meaning: "in place of `image`: the folder to build; a changed file in it makes a new image",
    fallback: undefined,
    example: "../shop",
  },
  dockerfile: {
    allowed: "a file below `context`",
    accepts: text(/^(?!\/)(?!(.*\/)?\.\.(\/|$))[^\0\n]{1,1000}$/),
    meaning: "the Dockerfile in that folder",
    fallback: "Dockerfile",
    example: "Dockerfile",
  },
  port: {
    ...whole(1024, 65_535),
    meaning: "the port that it listens on in its container",
    fallback: 3000,
    example: "8080",
  },
  healthPath: {
    allowed: "a path that starts with / and has no space, ? or #",
    accepts: text(/^\/[^\s?#]{0,200}$/),
    meaning: "answers 200 when the application can serve, else 503",
    fallback: "/health",
    example: "/health",
  },
  uid: {
    ...whole(1, 2_147_483_647),
    meaning: "the user and group id that it runs as; its files belong to it",
    fallback: 1000,
    example: "1000",
  },
  memoryMegabytes: {
    ...inRange(demandRanges.memoryMegabytes),
    meaning: "its memory limit in MiB, without swap",
    fallback: defaultMemoryMegabytes,
    example: "512",
  },
  processes: {
    ...inRange(demandRanges.processes),
    meaning:
      "processes in its container, each with a pool of `DATABASE_CONNECTION_LIMIT`; the budget counts them",
    fallback: 1,
    example: "4",
  },
  directConnections: {
    ...inRange(demandRanges.directConnections),
    meaning: "connections by the direct URL at the same moment; counted only with `directUrlVariable`",
    fallback: defaultDirectConnections,
    example: "2",
  },
  databaseUrlVariable: {
    ...variable,
    meaning: "`<name>_FILE` names the file with the URL through PgBouncer",
    fallback: "DATABASE_URL",
    example: "DATABASE_URL",
  },
  directUrlVariable: {
    ...variable,
    meaning:
      "`<name>_FILE` names the file with the owner's direct URL, for an application that migrates itself",
    fallback: undefined,
    example: "DIRECT_URL",
  },
  reloadSignal: {
    allowed: reloadSignals.join(", "),
    accepts: (value) => reloadSignals.some((signal) => signal === value),
    meaning: "sent when a file has changed; without it a changed file makes a new container",
    fallback: undefined,
    example: "SIGHUP",
  },
  migrations: {
    ...folder,
    meaning: "folder of Prisma migrations, applied before it starts",
    fallback: undefined,
    example: "../shop/prisma/migrations",
  },
  environment: {
    allowed: "an object of names and texts; none of the names that the kit sets itself",
    accepts: isObject,
    meaning: "further variables; everybody who may ask the engine reads them, so no secrets",
    fallback: undefined,
    example: undefined,
  },
};
