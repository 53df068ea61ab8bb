// @ts-check
import { userInfo } from "node:os";
import { isAbsolute } from "node:path";

/**
 * The user's home folder: `$HOME`, else (unset, or empty as some containers have it) the one that the system has for the
 * user. Undefined where there is none. Not os.homedir(): it returns an empty HOME as it stands, and what is joined to that
 * lies below the current folder.
 * @param {NodeJS.ProcessEnv} env
 * @param {() => string} ofSystem replaceable for tests only
 */
export function homeFolder(env, ofSystem = () => userInfo().homedir) {
  if (env.HOME && isAbsolute(env.HOME)) return env.HOME;
  try {
    return ofSystem() || undefined;
  } catch {
    return undefined; // a user without an entry in /etc/passwd
  }
}
