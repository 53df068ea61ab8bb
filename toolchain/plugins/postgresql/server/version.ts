/** A server version as far as features depend on it. */
export interface Version {
  major: number;
  minor: number;
  patch: number;
}

/** What not every server can do, with the first version that can. */
const SINCE = {
  createRoleWith: [8, 1],
  rowLevelSecurity: [9, 5],
  replicationRoles: [9, 1],
  schemaIfNotExists: [9, 3],
  allowConnections: [9, 5],
  databaseIsTemplate: [9, 5],
  privilegesOnSchemas: [10, 0],
  routines: [11, 0],
  forcedDatabaseDrop: [13, 0],
  maintainPrivilege: [17, 0],
} as const satisfies Record<string, readonly [number, number]>;

export type Feature = keyof typeof SINCE;

/** True when a server of this version has the feature. */
export function supports(version: Version, feature: Feature): boolean {
  const [major, minor] = SINCE[feature];
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** Reads `18`, `18.6`, `9.4.0`, `18.6 (Debian 18.6-3)`; undefined when the text does not begin with a number. */
export function parseVersion(text: string): Version | undefined {
  const match = /^\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[\s.+-].*)?$/.exec(text);
  if (!match) return undefined;
  return { major: Number(match[1]), minor: Number(match[2] ?? 0), patch: Number(match[3] ?? 0) };
}

/** `major.minor.patch` */
export function versionText(version: Version): string {
  return `${version.major}.${version.minor}.${version.patch}`;
}
