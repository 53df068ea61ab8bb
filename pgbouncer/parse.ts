import type { PgBouncerIni } from "./render.ts";

type Section = Record<string, string>;

/**
 * Reads `pgbouncer.ini` as PgBouncer does, to see what somebody changed by hand. What is no assignment of a known
 * section is kept in `settings` under `line N`, so that no edit stays unseen.
 */
export function parseIni(text: string): PgBouncerIni {
  const settings: [string, string][] = [];
  const entries: Record<"databases" | "users" | "peers", [string, Section][]> = {
    databases: [],
    users: [],
    peers: [],
  };
  let section = "";
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith(";") || line.startsWith("#")) continue;
    const header = /^\[([^\]]*)\]$/.exec(line)?.[1];
    if (header !== undefined) {
      section = header;
      continue;
    }
    const assignment = parseAssignment(line);
    const pairs = assignment && parsePairs(assignment.value);
    if (assignment && section === "pgbouncer") settings.push([assignment.key, assignment.value]);
    else if (assignment && pairs && (section === "databases" || section === "users" || section === "peers"))
      entries[section].push([assignment.key, pairs]);
    else settings.push([`line ${index + 1}`, line]);
  }
  return {
    settings: Object.fromEntries(settings),
    databases: Object.fromEntries(entries.databases),
    users: Object.fromEntries(entries.users),
    peers: Object.fromEntries(entries.peers),
  };
}

/** Reads `userlist.txt`: role → verifier. Lines that PgBouncer would not understand are left out. */
export function parseUserlist(text: string): Record<string, string> {
  const userlist = text.split("\n").flatMap((line): [string, string][] => {
    const [, role, verifier] = /^\s*"((?:[^"]|"")*)"\s*"((?:[^"]|"")*)"/.exec(line) ?? [];
    if (role === undefined || verifier === undefined) return [];
    return [[role.replaceAll('""', '"'), verifier.replaceAll('""', '"')]];
  });
  return Object.fromEntries(userlist);
}

function parseAssignment(line: string): { key: string; value: string } | undefined {
  const [, key, value] = /^([A-Za-z0-9_.*-]+)\s*=\s*(.*)$/.exec(line) ?? [];
  return key === undefined || value === undefined ? undefined : { key, value };
}

/** `key=value key='it''s'` as in PgBouncer's connection strings; undefined when it is none. */
function parsePairs(text: string): Section | undefined {
  const pairs: [string, string][] = [];
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^']|'')*)'|([^\s']\S*))(?=\s|$)/y;
  const end = text.trimEnd().length;
  while (pair.lastIndex < end) {
    const [, key, quoted, plain] = pair.exec(text) ?? [];
    const value = quoted?.replaceAll("''", "'") ?? plain;
    if (key === undefined || value === undefined) return undefined;
    pairs.push([key, value]);
  }
  return Object.fromEntries(pairs);
}
