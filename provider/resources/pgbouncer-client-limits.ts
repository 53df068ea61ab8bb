import { parseIni, parseUserlist } from "../../pgbouncer/parse.ts";
import type { PgBouncerIni } from "../../pgbouncer/render.ts";
import { isRunning } from "../engine/containers.ts";
import { UserError } from "../model/errors.ts";
import { moment } from "../model/moment.ts";
import type { Context, Resource } from "../model/resource.ts";
import { integer, name, object, type Shaped, secret, text } from "../model/shape.ts";
import { waitFor } from "../model/wait.ts";
import { type Connection, withClient } from "../sql/connect.ts";
import { userlistFile } from "./pgbouncer-config.ts";
import { applyIni } from "./pgbouncer-live.ts";
import { iniFile, takingRolesBack } from "./pgbouncer-roles.ts";
import { placeFields, readFiles } from "./volume-files.ts";

const inputs = object({
  ...placeFields,
  console: object({ host: name, port: integer(1, 65_535), user: text(), password: secret(text()) }),
  heldAt: text(),
  room: integer(0, 1_000_000),
  patienceSeconds: integer(0, 3600),
});
type Inputs = Shaped<typeof inputs>;
type Outputs = Record<never, never>;

const pollEveryMs = 250;

/** `poolkit:index:PgBouncerClientLimits`; see the class in provider/sdk for what it promises. */
export const pgbouncerClientLimits: Resource<Inputs, Outputs> = {
  inputs,
  defaults: {},
  replaceOn: ["volumeName", "containerName"],
  ignore: ["image", "console", "room", "patienceSeconds"],
  id: ({ volumeName }) => `${volumeName}/client-limits`,
  ...moment(lower),
};

async function lower(wanted: Inputs, context: Context): Promise<Outputs> {
  const { containerName, heldAt } = wanted;
  if (heldAt === "" || !(await isRunning(await context.docker(), containerName))) return {};
  const files = await readFiles(wanted, [iniFile, userlistFile], context);
  if (files === undefined) return {};
  const ini = parseIni(files[iniFile] ?? "");
  const console = { ...wanted.console, database: "pgbouncer" };
  await waitForRoom(wanted, console, Number(ini.settings.max_client_conn), context);
  // A restart is needed only when somebody edited the file meanwhile; then the longest request is let end, too.
  const target = { containerName, consoles: [console], restartGraceSeconds: wanted.patienceSeconds };
  // A limit of a role whose entry the change has removed stands in no file.
  const roles = Object.keys(parseUserlist(files[userlistFile] ?? ""));
  const apply = (first: PgBouncerIni) => applyIni(target, first, [], context);
  const refused = await takingRolesBack(wanted, ini, roles, apply, context);
  if (refused.length > 0) {
    throw new UserError(
      `${containerName} does not run its file:\n${refused.map((line) => `  ${line}`).join("\n")}`,
    );
  }
  return {};
}

/** Waits until the application's former pool has drained; longer than the longest request nobody needs to wait. */
async function waitForRoom(
  { containerName, room, patienceSeconds }: Inputs,
  console: Connection,
  limit: number,
  context: Context,
): Promise<void> {
  const options = { timeoutMs: patienceSeconds * 1000, everyMs: pollEveryMs, signal: context.signal };
  const { done, last } = await waitFor(
    () => clientsOf(console),
    (clients) => clients + room <= limit,
    options,
  );
  if (done) return;
  context.log.warning(
    `${containerName} still has ${last} clients ${patienceSeconds} s after the change: with max_client_conn ${limit} it refuses new ones until some have left`,
  );
}

async function clientsOf(console: Connection): Promise<number> {
  const { rows } = await withClient(console, (client) =>
    client.query<{ list: string; items: number }>("SHOW LISTS"),
  );
  return Number(rows.find(({ list }) => list === "used_clients")?.items ?? 0);
}
