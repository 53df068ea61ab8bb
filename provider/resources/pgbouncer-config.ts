import { isDeepStrictEqual } from "node:util";
import { withEveryRolesLimit, withFormerClientLimits } from "../../pgbouncer/client-limits.ts";
import { startupKeys } from "../../pgbouncer/entries.ts";
import { parseIni, parseUserlist } from "../../pgbouncer/parse.ts";
import {
  iniProblems,
  type PgBouncerIni,
  renderIni,
  renderUserlist,
  userlistProblems,
} from "../../pgbouncer/render.ts";
import { pgbouncerSettings } from "../../pgbouncer/settings.ts";
import type { Problem } from "../../pgbouncer/values.ts";
import { writeVolume } from "../engine/volume-files.ts";
import type { Context, Resource } from "../model/resource.ts";
import {
  boolean,
  integer,
  list,
  name,
  object,
  optional,
  type PropertyProblem,
  record,
  refined,
  type Shaped,
  secret,
  text,
} from "../model/shape.ts";
import type { Path } from "../protocol/paths.ts";
import { type Connection, loginsBetween } from "../sql/connect.ts";
import { applyIni, type LivePgBouncer, restoreIni, runningIni } from "./pgbouncer-live.ts";
import { iniFile, takingRolesBack, withEmptyRoles } from "./pgbouncer-roles.ts";
import {
  applyFiles,
  digestTaken,
  emptyFiles,
  type Files,
  filesDigest,
  placeFields,
  readFiles,
} from "./volume-files.ts";

const section = record(text());
const empty: PgBouncerIni = { settings: {}, databases: {}, users: {}, peers: {} };

const fields = object({
  ...placeFields,
  settings: refined(section, (settings, path) => reasons(path, iniProblems({ ...empty, settings }))),
  databases: refined(record(section), (databases, path) =>
    reasons(path, iniProblems({ ...empty, databases })),
  ),
  users: optional(refined(record(section), (users, path) => reasons(path, iniProblems({ ...empty, users })))),
  peers: optional(refined(record(section), (peers, path) => reasons(path, iniProblems({ ...empty, peers })))),
  userlist: secret(refined(section, (userlist, path) => reasons(path, userlistProblems(userlist)))),
  console: object({ host: name, port: integer(1, 65_535), user: text(), password: secret(text()) }),
  reconnectTriggers: optional(list(text())),
  lowersClientsLater: optional(boolean),
  restartGraceSeconds: optional(integer(0, 86_400)),
});
type Inputs = Shaped<typeof fields>;
const inputs = refined(fields, ({ userlist, console }, path) => {
  if (Object.hasOwn(userlist, console.user)) return [];
  const reason = `no verifier for ${console.user}, who reads the configuration back: add it`;
  return [{ path: [...path, "userlist"], reason }];
});
type Outputs = { sha256: string; clientsHeldAt: string };

export const userlistFile = "userlist.txt";
const defaultRestartGraceSeconds = 30;

/** `poolkit:index:PgBouncerConfig`; see the class in provider/sdk for what it promises. */
export const pgbouncerConfig: Resource<Inputs, Outputs> = {
  inputs,
  defaults: {},
  replaceOn: ["volumeName", "containerName"],
  ignore: ["image", "console", "lowersClientsLater", "restartGraceSeconds"],
  id: ({ volumeName }) => `${volumeName}/${iniFile}`,
  plan(wanted, former) {
    const sha256 = filesDigest(filesOf(wanted));
    // When it will be held is known only then; that it will not, now.
    return former === undefined || heldIni(wanted, former) !== undefined
      ? { sha256 }
      : { sha256, clientsHeldAt: "" };
  },
  create: (wanted, context) => write(wanted, undefined, context),
  update: (wanted, former, context, { sha256 }) => write(wanted, former, context, sha256 === ""),
  delete: (last, context) => emptyFiles(last, [iniFile, userlistFile], context),

  async read(last, { sha256, clientsHeldAt = "" }, context) {
    const files = await readFiles(last, [iniFile, userlistFile], context);
    if (files === undefined) return undefined;
    const userlist = parseUserlist(files[userlistFile] ?? "");
    const target = liveAt(last, [consoleOf(last)]);
    const ini = await runningIni(target, parseIni(files[iniFile] ?? ""), iniOf(last), context);
    return {
      inputs: withIni({ ...last, userlist }, ini),
      outputs: { sha256: digestTaken(files, sha256), clientsHeldAt },
    };
  },
};

function iniOf({ settings, databases, users = {}, peers = {} }: Inputs): PgBouncerIni {
  return { settings, databases, users, peers };
}

/** No users and an empty `users` are the same file (and so for peers): what was left out stays left out. */
function withIni(inputs: Inputs, { settings, databases, users, peers }: PgBouncerIni): Inputs {
  const isSaid = (former: unknown, now: object) => former !== undefined || Object.keys(now).length > 0;
  return {
    ...inputs,
    settings,
    databases,
    ...(isSaid(inputs.users, users) ? { users } : {}),
    ...(isSaid(inputs.peers, peers) ? { peers } : {}),
  };
}

function filesOf(wanted: Inputs, ini = iniOf(wanted)): Files {
  return { [iniFile]: renderIni(ini), [userlistFile]: renderUserlist(wanted.userlist) };
}

function liveAt({ containerName, restartGraceSeconds }: Inputs, consoles: Connection[]): LivePgBouncer {
  return { containerName, consoles, restartGraceSeconds: restartGraceSeconds ?? defaultRestartGraceSeconds };
}

function consoleOf({ console }: Inputs): Connection {
  return { ...console, database: "pgbouncer" };
}

async function write(
  wanted: Inputs,
  former: Inputs | undefined,
  context: Context,
  isFormerUnsure = false,
): Promise<Outputs> {
  const held = heldIni(wanted, former && (await asItRuns(former, wanted, context)));
  const first = withEmptyRoles(held ?? iniOf(wanted), rolesOf(former));
  // Of an update that was killed nobody knows whether it came to its RECONNECT.
  const isReconnect = isFormerUnsure || (former !== undefined && needsReconnect(wanted, former));
  const commands = isReconnect ? ["RECONNECT"] : [];
  const target = liveAt(wanted, loginsBetween(consoleOf(wanted), consoleOf(former ?? wanted)));
  const application = {
    apply: () => applyIni(target, first, commands, context),
    // The former files are back already. The roles of the refused change are taken back, too.
    restore: () => {
      const apply = (ini: PgBouncerIni) => restoreIni(target, ini, context);
      return takingRolesBack(wanted, iniOf(former ?? wanted), rolesOf(wanted), apply, context);
    },
    ...(isReconnect && { whenCancelled: reconnectDue }),
  };
  await applyFiles(wanted, filesOf(wanted, first), application, context);
  const files = filesOf(wanted);
  // PgBouncer reads it at its next reload or start: the file is never behind what the stack says.
  if (!isDeepStrictEqual(first, iniOf(wanted))) await writeVolume(context, wanted, files);
  return {
    sha256: filesDigest(files),
    clientsHeldAt: held === undefined ? "" : new Date().toISOString(),
  };
}

/**
 * The former inputs with what PgBouncer runs: limits on clients that an earlier change still holds, because what should
 * have lowered them was not reached, are in no file any more.
 */
async function asItRuns(former: Inputs, wanted: Inputs, context: Context): Promise<Inputs> {
  if (wanted.lowersClientsLater !== true) return former;
  const target = liveAt(former, loginsBetween(consoleOf(wanted), consoleOf(former)));
  const said = withEveryRolesLimit(iniOf(former), Object.keys(former.userlist));
  return withIni(former, await runningIni(target, said, said, context));
}

function rolesOf(inputs: Inputs | undefined): string[] {
  return Object.keys(inputs?.users ?? {});
}

/** What PgBouncer runs until its limits on clients are lowered; undefined when this change lowers none of them. */
function heldIni(wanted: Inputs, former: Inputs | undefined): PgBouncerIni | undefined {
  if (former === undefined || wanted.lowersClientsLater !== true) return undefined;
  const ini = iniOf(wanted);
  const held = withFormerClientLimits(ini, iniOf(former));
  return isDeepStrictEqual(held, ini) ? undefined : held;
}

/** In the state of a change that was cancelled before its RECONNECT: a trigger that nobody wants, so that the next change reconnects. */
const reconnectDue = { reconnectTriggers: ["a reconnect that was cancelled"] };

/** Whether server connections made under the former settings would keep something that changes. */
function needsReconnect(wanted: Inputs, former: Inputs): boolean {
  if (!isDeepStrictEqual(wanted.reconnectTriggers ?? [], former.reconnectTriggers ?? [])) return true;
  const differs = Object.entries(pgbouncerSettings).some(
    ([key, setting]) => setting.change === "reconnect" && wanted.settings[key] !== former.settings[key],
  );
  const startup = (keys: Readonly<Record<string, string>> = {}) => startupKeys.map((key) => keys[key]);
  return (
    differs ||
    Object.entries(former.databases).some(
      ([name, keys]) => !isDeepStrictEqual(startup(keys), startup(wanted.databases[name])),
    )
  );
}

/** Problems of the pure rules as problems of the property. */
function reasons(path: Path, problems: readonly Problem[]): PropertyProblem[] {
  const [root = ""] = path.map(String);
  return problems.map(({ path: where, found, allowed, fix }) => {
    const below = where.slice(root.length + 1).split(".");
    return { path: [...path, ...below], reason: `found ${found}, allowed ${allowed}; ${fix}` };
  });
}
