import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Environment } from "./environment.ts";
import { misspeltName, nearestName } from "./nearest-name.ts";
import {
  CONFIG_DIRECTORY_KEY,
  ENVIRONMENT_KEYS,
  LIVE_SETTINGS,
  SECRET_FILES,
  SECRET_KEYS,
  SETTINGS_FILE,
  type SecretKey,
} from "./settings.ts";

/** Reads a file's bytes; undefined when there is no such file; throws an Error with a `code` for everything else. */
export type FileReader = (file: string) => Buffer | undefined;

/** One text and where it came from, in words for people. */
export interface Sourced {
  readonly text: string;
  readonly source: string;
}

/** Everything the outside says, not yet judged, and the problems of reading it. */
export interface Sources {
  readonly environment: Environment;
  /** Keys and texts of settings.json; empty where there is none. */
  readonly settingsFile: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<SecretKey, Sourced>;
  /** See revisionOf; null without a configuration folder. */
  readonly revision: string | null;
  readonly problems: readonly string[];
}

/** A file larger than this is no setting. */
const MAX_FILE_BYTES = 64 * 1024;

/** The FileReader for real files. */
export const readFileIfPresent: FileReader = (file) => {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
};

/** Every file that readSources would read: those of the configuration folder and those that a `<KEY>_FILE` names. */
export function configFiles(environment: Environment): string[] {
  const directory = environment[CONFIG_DIRECTORY_KEY] || undefined;
  const inDirectory = [SETTINGS_FILE, ...Object.values(SECRET_FILES)].map((file) =>
    path.join(directory ?? "", file),
  );
  const named = SECRET_KEYS.flatMap((key) => environment[`${key}_FILE`] || []);
  return [...(directory === undefined ? [] : inDirectory), ...named];
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "unknown error";
}

/**
 * Identifies the files that are in force: lowercase hex SHA-256 over, for each file in the order settings.json,
 * database-url, monitor-url, console-url, health-token, api-token, metrics-token, its bytes (none where it is absent) and
 * one NUL byte.
 * The deployer computes the same over what it wrote, so equal means "this is what runs".
 */
export function revisionOf(contents: readonly (Buffer | undefined)[]): string {
  const hash = createHash("sha256");
  for (const content of contents) hash.update(content ?? "").update("\0");
  return hash.digest("hex");
}

/** What reading a file gave: its bytes, or nothing because it is not there or because of a problem that was reported. */
type Content = Buffer | "absent" | "refused";

const bytesOf = (content: Content): Buffer | undefined => (typeof content === "string" ? undefined : content);

/** Gathers environment, settings file and secret files. Judges only their form; see config.ts for the values. */
export function readSources(environment: Environment, readFile: FileReader): Sources {
  const problems: string[] = [];
  const read = (key: string, file: string): Content => {
    try {
      const bytes = readFile(file);
      if (bytes === undefined) return "absent";
      if (bytes.length <= MAX_FILE_BYTES) return bytes;
      problems.push(`${key}: ${file} has ${bytes.length} bytes; allowed: at most ${MAX_FILE_BYTES}`);
    } catch (error) {
      problems.push(
        `${key}: cannot read ${file} (${errorCode(error)}); allow this user to read it or correct the path`,
      );
    }
    return "refused";
  };
  const directory = environment[CONFIG_DIRECTORY_KEY] || undefined;
  const inDirectory = (key: string, file: string): Content =>
    directory === undefined ? "absent" : read(key, path.join(directory, file));

  const settingsFilePath = path.join(directory ?? "", SETTINGS_FILE);
  const settings = inDirectory(CONFIG_DIRECTORY_KEY, SETTINGS_FILE);
  if (directory !== undefined && settings === "absent") {
    problems.push(
      `${CONFIG_DIRECTORY_KEY}: there is no ${settingsFilePath}; write it or unset ${CONFIG_DIRECTORY_KEY}`,
    );
  }
  const settingsContent = bytesOf(settings);
  const secretContents = SECRET_KEYS.map((key) => bytesOf(inDirectory(key, SECRET_FILES[key])));

  const secrets = new Map<SecretKey, Sourced>();
  for (const [index, key] of SECRET_KEYS.entries()) {
    const secret = secretOf(environment, key, read, secretContents[index], problems);
    if (secret !== undefined) secrets.set(key, secret);
  }
  problems.push(...misspeltVariables(environment));
  return {
    environment,
    settingsFile: parseSettingsFile(settingsContent, settingsFilePath, problems),
    secrets,
    revision: directory === undefined ? null : revisionOf([settingsContent, ...secretContents]),
    problems,
  };
}

/** A secret from `KEY`, else the file that `KEY_FILE` names, else the file in the configuration folder. */
function secretOf(
  environment: Environment,
  key: SecretKey,
  read: (key: string, file: string) => Content,
  inDirectory: Buffer | undefined,
  problems: string[],
): Sourced | undefined {
  const direct = environment[key] || undefined;
  const file = environment[`${key}_FILE`] || undefined;
  if (direct !== undefined && file !== undefined) {
    problems.push(`${key}: set in two ways, ${key} and ${key}_FILE; keep one`);
    return undefined;
  }
  if (direct !== undefined) return { text: direct, source: "environment" };
  if (file !== undefined) {
    const content = read(`${key}_FILE`, file);
    if (content === "absent") problems.push(`${key}_FILE: there is no file ${file}; correct the path`);
    return sourced(bytesOf(content), "environment (file)");
  }
  return sourced(inDirectory, "configuration folder");
}

function sourced(bytes: Buffer | undefined, source: string): Sourced | undefined {
  return bytes && { text: bytes.toString("utf8").trim(), source };
}

function parseSettingsFile(
  content: Buffer | undefined,
  file: string,
  problems: string[],
): Map<string, string> {
  const settings = new Map<string, string>();
  if (content === undefined) return settings;
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString("utf8"));
  } catch {
    problems.push(`${file}: is not valid JSON; write one flat object of texts`);
    return settings;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    problems.push(`${file}: is no JSON object; write one flat object of texts`);
    return settings;
  }
  const known = Object.keys(LIVE_SETTINGS);
  for (const [key, value] of Object.entries(parsed)) {
    if (!known.includes(key)) {
      const near = nearestName(key, known);
      problems.push(
        `${file}: unknown key ${JSON.stringify(key)}${near === undefined ? "" : `; did you mean ${near}?`}`,
      );
    } else if (typeof value !== "string") {
      problems.push(
        `${file}: ${key} is no text but ${value === null ? "null" : typeof value}; put it in quotes`,
      );
    } else {
      settings.set(key, value);
    }
  }
  return settings;
}

/** Variables that nobody reads and that look like one of ours: a misspelling must not pass as "not set". */
function misspeltVariables(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((key) => key.length >= 8 && !ENVIRONMENT_KEYS.includes(key))
    .flatMap((key) => {
      const near = misspeltName(key, ENVIRONMENT_KEYS);
      return near === undefined ? [] : [`${key}: unknown variable; did you mean ${near}?`];
    });
}
