import { isRunning } from "../engine/containers.ts";
import { messageOf, UserError } from "../model/errors.ts";
import type { Context, Resource } from "../model/resource.ts";
import { list, object, record, refined, type Shaped, secret, text } from "../model/shape.ts";
import { connectionShape, loginsBetween } from "../sql/connect.ts";
import {
  hbaProblems,
  parseConf,
  parseHba,
  renderConf,
  renderHba,
  settingProblems,
} from "./postgres-files.ts";
import { applyFilesTo, restoreFilesTo, runningPostgres } from "./postgres-live.ts";
import { givePassword } from "./postgres-password.ts";
import {
  applyFiles,
  digestTaken,
  emptyFiles,
  type Files,
  filesDigest,
  placeFields,
  readFiles,
} from "./volume-files.ts";

const verifierPattern = /^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$/;
const notAVerifier = "expected a SCRAM-SHA-256 verifier as Postgres stores it";

const inputs = object({
  ...placeFields,
  settings: refined(record(text()), settingProblems),
  hba: refined(list(text()), hbaProblems),
  superuserVerifier: secret(
    refined(text(), (value, path) => (verifierPattern.test(value) ? [] : [{ path, reason: notAVerifier }])),
  ),
  connection: connectionShape,
});
type Inputs = Shaped<typeof inputs>;
type Outputs = { sha256: string };

const confFile = "poolkit.conf";
const hbaFile = "pg_hba.conf";
const verifierFile = "superuser-verifier";
const fileNames = [confFile, hbaFile, verifierFile];

/** `poolkit:index:PostgresConfig`; see the class in provider/sdk for what it promises. */
export const postgresConfig: Resource<Inputs, Outputs> = {
  inputs,
  defaults: {},
  replaceOn: ["volumeName", "containerName"],
  ignore: ["image", "connection"],
  id: ({ volumeName }) => `${volumeName}/${confFile}`,
  plan: (wanted) => ({ sha256: filesDigest(filesOf(wanted)) }),
  create: (wanted, context) => write(wanted, undefined, context),
  delete: (last, context) => emptyFiles(last, fileNames, context),

  async update(wanted, former, context) {
    const takeBack = await rotate(wanted, former, context);
    try {
      return await write(wanted, former, context);
    } catch (error) {
      // The state goes on saying the former password, and the next change logs in with that.
      await takeBack();
      throw error;
    }
  },

  async read(last, { sha256 }, context) {
    const files = await readFiles(last, fileNames, context);
    if (files === undefined) return undefined;
    const target = { containerName: last.containerName, connections: [last.connection] };
    const file = parseConf(files[confFile] ?? "");
    const { settings, refusesPassword } = await runningPostgres(target, file, last.settings, context);
    const found: Inputs = {
      ...last,
      settings,
      hba: parseHba(files[hbaFile] ?? ""),
      // Which password it has instead nobody can read.
      superuserVerifier: refusesPassword ? "" : (files[verifierFile] ?? ""),
    };
    return { inputs: found, outputs: { sha256: digestTaken(files, sha256) } };
  },
};

function filesOf(wanted: Inputs): Files {
  return {
    [confFile]: renderConf(wanted.settings),
    [hbaFile]: renderHba(wanted.hba),
    [verifierFile]: wanted.superuserVerifier,
  };
}

async function write(wanted: Inputs, former: Inputs | undefined, context: Context): Promise<Outputs> {
  const files = filesOf(wanted);
  const connections = loginsBetween(wanted.connection, (former ?? wanted).connection);
  const target = { containerName: wanted.containerName, connections };
  const application = {
    apply: () => applyFilesTo(target, wanted.settings, context),
    restore: () => restoreFilesTo(target, former?.settings ?? {}, context),
    // The superuser gets its former password again: coming to this one is a change.
    ...(former && { whenCancelled: { superuserVerifier: former.superuserVerifier } }),
  };
  await applyFiles(wanted, files, application, context);
  return { sha256: filesDigest(files) };
}

/** Gives the superuser the wanted password, if it may have another one; returns what takes that back. */
async function rotate(wanted: Inputs, former: Inputs, context: Context): Promise<() => Promise<void>> {
  const { containerName, superuserVerifier } = wanted;
  const isSamePassword = wanted.connection.password === former.connection.password;
  if (isSamePassword && superuserVerifier === former.superuserVerifier) return async () => {};
  const docker = await context.docker();
  if (!(await isRunning(docker, containerName))) {
    // An edited file, which is written again.
    if (isSamePassword) return async () => {};
    throw new UserError(
      `connection.password: ${containerName} does not run, so its superuser cannot get another password; start it (\`pulumi up --refresh\`), then change the password`,
    );
  }
  // The new password works already when an earlier change was cut after this step.
  const connections = loginsBetween(wanted.connection, former.connection).toReversed();
  const target = { docker, containerName, connections };
  const before = await givePassword(target, superuserVerifier);
  return async () => {
    await givePassword(target, before).catch((error: unknown) => {
      const kept = `${containerName}: the superuser has the new password already (${messageOf(error)})`;
      context.log.warning(`${kept}; run \`pulumi up\` again with the same secret seed`);
    });
  };
}
