import type { PropertyProblem } from "../model/shape.ts";
import type { Path } from "../protocol/paths.ts";

/** A line that Postgres reads as it was written. */
function isOneLine(text: string): boolean {
  return !/\p{Cc}/u.test(text) && text === text.trim();
}

/** Names and values that would not survive `postgresql.conf`. */
export function settingProblems(settings: Readonly<Record<string, string>>, path: Path): PropertyProblem[] {
  return Object.entries(settings).flatMap(([key, value]): PropertyProblem[] => {
    const here = [...path, key];
    if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/i.test(key)) {
      return [
        {
          path: here,
          reason: "not a name of a setting: expected letters, digits and _; correct or remove it",
        },
      ];
    }
    if (/^include(_dir|_if_exists)?$/i.test(key)) {
      return [{ path: here, reason: "files are not included: write the settings here" }];
    }
    if (isOneLine(value)) return [];
    return [
      { path: here, reason: "expected one line without control characters and without space at its ends" },
    ];
  });
}

/** Lines that would not survive `pg_hba.conf`. */
export function hbaProblems(hba: readonly string[], path: Path): PropertyProblem[] {
  return hba.flatMap((line, index) => {
    const ok = isOneLine(line) && /^(local|host|hostssl|hostnossl|hostgssenc|hostnogssenc)\s/.test(line);
    const reason = "expected one line that starts with local, host, hostssl or hostnossl";
    return ok ? [] : [{ path: [...path, index], reason }];
  });
}

/** The text of `poolkit.conf`, sorted, one trailing newline. */
export function renderConf(settings: Readonly<Record<string, string>>): string {
  const keys = Object.keys(settings).sort();
  return keys
    .map((key) => `${key} = '${(settings[key] ?? "").replaceAll("'", "''").replaceAll("\\", "\\\\")}'\n`)
    .join("");
}

/** Reads `poolkit.conf` back; what is no assignment is kept under `line N`, so that no edit stays unseen. */
export function parseConf(text: string): Record<string, string> {
  const entries = text.split("\n").flatMap((raw, index): [string, string][] => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    const [, key, quoted, plain] =
      /^([\w.]+)\s*(?:=|\s)\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s'#]+))\s*(?:#.*)?$/.exec(line) ?? [];
    const value = quoted?.replace(/''|\\(.)/g, (pair, escaped) => escaped ?? pair[0]) ?? plain;
    return key === undefined || value === undefined ? [[`line ${index + 1}`, line]] : [[key, value]];
  });
  return Object.fromEntries(entries);
}

/** The text of `pg_hba.conf`. */
export function renderHba(hba: readonly string[]): string {
  return hba.map((line) => `${line}\n`).join("");
}

/** Reads `pg_hba.conf` back, without comments. */
export function parseHba(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}
