import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Problem } from "../pgbouncer/values.ts";
import { givenVariables, setFolder } from "./application-contract.ts";
import {
  defaultDirectConnections,
  defaultMemoryMegabytes,
  demandRanges,
} from "./budget/application-demand.ts";
import { shown } from "./problem-text.ts";
import { unknownKey } from "./unknown-key.ts";
import { hasUrlPassword } from "./url-password.ts";

/** What the container runs: an image as it is, or one that the engine builds from a folder. */
export type ApplicationSource =
  | { readonly kind: "image"; readonly image: string }
  | { readonly kind: "context"; readonly context: string; readonly dockerfile: string };

/** Signals that may ask an application to read its files again. SIGTERM and SIGINT stop it. */
export const reloadSignals = ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
export type ReloadSignal = (typeof reloadSignals)[number];

/** The user's own application in place of the reference application; docs/your-own-application.md is its contract. */
export interface OwnApplication {
  /** Change: a new container. */
  readonly source: ApplicationSource;
  /** Port that it listens on inside its container. Change: a new container. */
  readonly port: number;
  /** Path that answers 200 when the application can serve. Change: asked at the next `up`. */
  readonly healthPath: string;
  /** User and group id that it runs as and that owns its files. Change: a new container. */
  readonly uid: number;
  /** Memory limit in MiB. Change: live. */
  readonly memoryMegabytes: number;
  /** Processes in its container, each with a pool of `connectionLimit`. Counted in the account only. */
  readonly processes: number;
  /** Connections by the direct URL at the same moment. Counted in the account only. */
  readonly directConnections: number;
  /** Further variables, readable by everybody who may ask the engine: no secrets. Change: a new container. */
  readonly environment: Readonly<Record<string, string>>;
  /** `<name>_FILE` names the file with the URL through PgBouncer. Change: a new container. */
  readonly databaseUrlVariable: string;
  /** `<name>_FILE` names the file with the owner's direct URL; unset: the application does not get it. */
  readonly directUrlVariable: string | undefined;
  /** Sent when a file has changed; unset: a changed file makes a new container. */
  readonly reloadSignal: ReloadSignal | undefined;
  /** Folder of Prisma migrations (`<name>/migration.sql`) applied before it starts; unset: none are. */
  readonly migrations: string | undefined;
}

/** One key of `poolkit:application`: what is allowed, in words and as a check, and what holds when it is left out. */
interface Key {
  readonly allowed: string;
  readonly meaning: string;
  readonly fallback: string | number | undefined;
  readonly example: string;
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
    example: "{}",
  },
};

const path = "poolkit:application";

/**
 * The user's application as `poolkit:application` describes it; undefined for `{}`, the reference application. Refused
 * values are reported, all of them, and their defaults stand in their place. Folders are relative to `project`.
 */
export function readApplication(
  configured: unknown,
  problems: Problem[],
  project = ".",
): OwnApplication | undefined {
  const given = configured ?? {};
  if (!isObject(given)) {
    problems.push({
      path,
      found: shown(given),
      allowed: "an object of names and values",
      fix: `pulumi config rm ${path}`,
    });
    return undefined;
  }
  if (Object.keys(given).length === 0) return undefined;
  const value = (name: string) => accepted(name, given[name], problems);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(applicationKeys, name)) {
      problems.push(unknownKey(`${path}.${name}`, name, Object.keys(applicationKeys)));
    }
  }
  const application = {
    source: readSource(given, value, problems, project),
    port: Number(value("port")),
    healthPath: String(value("healthPath")),
    uid: Number(value("uid")),
    memoryMegabytes: Number(value("memoryMegabytes")),
    processes: Number(value("processes")),
    directConnections: Number(value("directConnections")),
    databaseUrlVariable: String(value("databaseUrlVariable")),
    directUrlVariable: optionalText(value("directUrlVariable")),
    reloadSignal: reloadSignals.find((signal) => signal === value("reloadSignal")),
    migrations: readFolder("migrations", optionalText(value("migrations")), problems, project),
  };
  value("environment");
  const reserved = givenVariables(application).map(({ name }) => name);
  problems.push(...takenVariables(application, reserved));
  return Object.freeze({
    ...application,
    environment: readEnvironment(given.environment, reserved, problems),
  });
}

/** The value when it is allowed, else (or left out) the default. Reports a refused value once. */
function accepted(name: string, given: unknown, problems: Problem[]): string | number | undefined {
  const key = applicationKeys[name];
  if (key === undefined) return undefined;
  if (given === undefined) return key.fallback;
  if (key.accepts(given)) return typeof given === "string" || typeof given === "number" ? given : undefined;
  if (!problems.some((problem) => problem.path === `${path}.${name}`)) {
    problems.push({
      path: `${path}.${name}`,
      found: shown(given),
      allowed: key.allowed,
      fix: `pulumi config set --path ${path}.${name} ${key.example}`,
    });
  }
  return key.fallback;
}

/** A URL whose variable another one has: of two equal names in an environment a process sees one. */
function takenVariables(
  {
    databaseUrlVariable,
    directUrlVariable,
  }: Pick<OwnApplication, "databaseUrlVariable" | "directUrlVariable">,
  given: readonly string[],
): Problem[] {
  const isTaken = (name: string) => given.filter((other) => other === `${name}_FILE`).length > 1;
  const problem = (key: string, name: string, other: string): Problem => ({
    path: `${path}.${key}`,
    found: `${shown(name)}, and ${other}`,
    allowed: "a name of its own for each variable",
    fix: `pulumi config set --path ${path}.${key} <another name>`,
  });
  if (directUrlVariable === databaseUrlVariable) {
    const other = `${path}.databaseUrlVariable is the same`;
    return [problem("directUrlVariable", databaseUrlVariable, other)];
  }
  return Object.entries({ databaseUrlVariable, directUrlVariable }).flatMap(([key, name]) =>
    name !== undefined && isTaken(name) ? [problem(key, name, `${name}_FILE is the kit's own`)] : [],
  );
}

function readSource(
  given: Readonly<Record<string, unknown>>,
  value: (name: string) => string | number | undefined,
  problems: Problem[],
  project: string,
): ApplicationSource {
  const image = optionalText(value("image"));
  const dockerfile = String(value("dockerfile"));
  if (given.image !== undefined && given.context !== undefined) {
    problems.push({
      path,
      found: "both image and context",
      allowed: "one of them: an image to run, or a folder to build",
      fix: `pulumi config rm --path ${path}.image`,
    });
  }
  if (given.context !== undefined) {
    const context = readFolder("context", optionalText(value("context")), problems, project) ?? ".";
    if (isFolder(resolve(project, context)) && !isFile(resolve(project, context, dockerfile))) {
      problems.push({
        path: `${path}.dockerfile`,
        found: `no file ${shown(join(context, dockerfile))}`,
        allowed: "a file below context",
        fix: `pulumi config set --path ${path}.dockerfile <its path in ${context}>`,
      });
    }
    return { kind: "context", context, dockerfile };
  }
  if (given.image === undefined) {
    problems.push({
      path,
      found: "neither image nor context",
      allowed: "one of them: an image to run, or a folder to build",
      fix: `pulumi config set --path ${path}.context ../shop, or for the reference application: pulumi config rm ${path}`,
    });
  }
  return { kind: "image", image: image ?? "" };
}

function readFolder(
  name: string,
  given: string | undefined,
  problems: Problem[],
  project: string,
): string | undefined {
  if (given !== undefined && !isFolder(resolve(project, given))) {
    problems.push({
      path: `${path}.${name}`,
      found: `no folder ${shown(given)}`,
      allowed: "a folder that exists, relative to this project",
      fix: `pulumi config set --path ${path}.${name} <its path>`,
    });
  }
  return given;
}

function readEnvironment(
  given: unknown,
  reserved: readonly string[],
  problems: Problem[],
): Readonly<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(isObject(given) ? given : {})) {
    const at = {
      path: `${path}.environment.${name}`,
      fix: `pulumi config rm --path '${path}.environment.${name}'`,
    };
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name)) {
      problems.push({
        ...at,
        found: "a name that is no variable's",
        allowed: "letters, digits and underscores",
      });
    } else if (reserved.includes(name)) {
      problems.push({ ...at, found: "a variable that the kit sets", allowed: `not ${reserved.join(", ")}` });
    } else if (typeof value === "string" && hasUrlPassword(value)) {
      problems.push({
        ...at,
        found: "a URL with a password",
        allowed: `no secrets; the database's URL is in a file of ${setFolder}`,
      });
    } else if (typeof value !== "string" || /[\0\n\r]/.test(value)) {
      problems.push({
        ...at,
        found: shown(value),
        allowed: "one line of text (a number or switch in quotes)",
      });
    } else {
      environment[name] = value;
    }
  }
  return environment;
}

function optionalText(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFolder(at: string): boolean {
  return statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(at: string): boolean {
  return statSync(at, { throwIfNoEntry: false })?.isFile() === true;
}
