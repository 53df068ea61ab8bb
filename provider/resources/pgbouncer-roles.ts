import { isDeepStrictEqual } from "node:util";
import { type PgBouncerIni, renderIni } from "../../pgbouncer/render.ts";
import { type FilesPlace, writeVolume } from "../engine/volume-files.ts";
import type { Context } from "../model/resource.ts";

export const iniFile = "pgbouncer.ini";

/** PgBouncer keeps what a role's entry said when the entry is gone; an empty one takes it back. */
export function withEmptyRoles(ini: PgBouncerIni, roles: readonly string[]): PgBouncerIni {
  const none = Object.fromEntries(roles.map((role) => [role, {}]));
  return { ...ini, users: { ...none, ...ini.users } };
}

/** Applies what is in the file already, and takes back meanwhile what the roles have without an entry in it. */
export async function takingRolesBack(
  place: FilesPlace,
  ini: PgBouncerIni,
  roles: readonly string[],
  apply: (ini: PgBouncerIni) => Promise<string[]>,
  context: Context,
): Promise<string[]> {
  const first = withEmptyRoles(ini, roles);
  if (isDeepStrictEqual(first, ini)) return apply(ini);
  await writeVolume(context, place, { [iniFile]: renderIni(first) });
  try {
    return await apply(first);
  } finally {
    await writeVolume(context, place, { [iniFile]: renderIni(ini) });
  }
}
