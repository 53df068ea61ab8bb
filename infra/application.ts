import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Problem } from "../pgbouncer/values.ts";
import { givenVariables, setFolder } from "./application-contract.ts";
import { applicationKeys, type ReloadSignal, reloadSignals } from "./application-keys.ts";
import { type Given, isObject } from "./given.ts";
import { shown } from "./problem-text.ts";
import { unknownKey } from "./unknown-key.ts";
import { hasUrlPassword } from "./url-password.ts";

/** What the container runs: an image as it is, or one that the engine builds from a folder. */
export type ApplicationSource =
  | { readonly kind: "image"; readonly image: string }
  | { readonly kind: "context"; readonly context: string; readonly dockerfile: string };

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
  const values = acceptedValues(given, problems);
  const application = {
    source: readSource(given, values, problems, project),
    port: Number(values.port),
    healthPath: String(values.healthPath),
    uid: Number(values.uid),
    memoryMegabytes: Number(values.memoryMegabytes),
    processes: Number(values.processes),
    directConnections: Number(values.directConnections),
    databaseUrlVariable: String(values.databaseUrlVariable),
    directUrlVariable: optionalText(values.directUrlVariable),
    reloadSignal: reloadSignals.find((signal) => signal === values.reloadSignal),
    migrations: readFolder("migrations", optionalText(values.migrations), problems, project),
  };
  const reserved = givenVariables(application).map(({ name }) => name);
  problems.push(...takenVariables(application, reserved));
  return Object.freeze({
    ...application,
    environment: readEnvironment(given.environment, reserved, problems),
  });
}

/** What holds for each key that is a text or a number: the value when it is allowed, else (or left out) the default. */
type Values = Readonly<Record<string, string | number | undefined>>;

/** Each key on its own. Reports what is refused and what is no key. */
function acceptedValues(given: Given, problems: Problem[]): Values {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(applicationKeys, name)) {
      problems.push(unknownKey(`${path}.${name}`, name, Object.keys(applicationKeys)));
    }
  }
  const values = Object.entries(applicationKeys).map(([name, key]) => {
    const value = given[name];
    if (value === undefined) return [name, key.fallback] as const;
    if (key.accepts(value)) {
      return [name, typeof value === "string" || typeof value === "number" ? value : undefined] as const;
    }
    const at = `${path}.${name}`;
    const fix =
      key.example === undefined
        ? `pulumi config rm --path ${at}`
        : `pulumi config set --path ${at} ${key.example}`;
    problems.push({ path: at, found: shown(value), allowed: key.allowed, fix });
    return [name, key.fallback] as const;
  });
  return Object.fromEntries(values);
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

function readSource(given: Given, values: Values, problems: Problem[], project: string): ApplicationSource {
  if (given.image !== undefined && given.context !== undefined) {
    problems.push({
      path,
      found: "both image and context",
      allowed: "one of them: an image to run, or a folder to build",
      fix: `pulumi config rm --path ${path}.image`,
    });
  }
  if (given.context !== undefined) {
    const context = readFolder("context", optionalText(values.context), problems, project) ?? ".";
    const dockerfile = String(values.dockerfile);
    // Who hears that a value is refused need not hear that what stands in its place is not there.
    const isAccepted = values.context !== undefined && dockerfile === (given.dockerfile ?? dockerfile);
    const isThere = isFile(resolve(project, context, dockerfile));
    if (isAccepted && isFolder(resolve(project, context)) && !isThere) {
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
  return { kind: "image", image: optionalText(values.image) ?? "" };
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
  const environment = Object.entries(isObject(given) ? given : {}).flatMap(
    ([name, value]): [string, string][] => {
      const refused = refusedVariable(name, value, reserved);
      if (refused === undefined) return typeof value === "string" ? [[name, value]] : [];
      const at = `${path}.environment.${name}`;
      problems.push({ path: at, ...refused, fix: `pulumi config rm --path '${at}'` });
      return [];
    },
  );
  return Object.fromEntries(environment);
}

function refusedVariable(
  name: string,
  value: unknown,
  reserved: readonly string[],
): Pick<Problem, "found" | "allowed"> | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name)) {
    return { found: "a name that is no variable's", allowed: "letters, digits and underscores" };
  }
  if (reserved.includes(name)) {
    return { found: "a variable that the kit sets", allowed: `not ${reserved.join(", ")}` };
  }
  if (typeof value === "string" && hasUrlPassword(value)) {
    const allowed = `no secrets; the database's URL is in a file of ${setFolder}`;
    return { found: "a URL with a password", allowed };
  }
  if (typeof value !== "string" || /[\0\n\r]/.test(value)) {
    return { found: shown(value), allowed: "one line of text (a number or switch in quotes)" };
  }
  return undefined;
}

function optionalText(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function isFolder(at: string): boolean {
  return statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(at: string): boolean {
  return statSync(at, { throwIfNoEntry: false })?.isFile() === true;
}
