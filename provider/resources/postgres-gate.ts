import { hasStatus, lastWords } from "../engine/containers.ts";
import { messageOf, UserError } from "../model/errors.ts";
import { moment } from "../model/moment.ts";
import type { Context, Resource } from "../model/resource.ts";
import { integer, name, object, record, type Shaped, text } from "../model/shape.ts";
import { waitFor } from "../model/wait.ts";
import { connectionShape, SqlError, withClient } from "../sql/connect.ts";

const inputs = object({
  connection: connectionShape,
  containerName: name,
  triggers: record(text()),
  timeoutSeconds: integer(1, 3600),
});
type Inputs = Shaped<typeof inputs>;
type Outputs = Record<never, never>;

const pollEveryMs = 50;

/** `poolkit:index:PostgresGate`; see the class in provider/sdk for what it promises. */
export const postgresGate: Resource<Inputs, Outputs> = {
  inputs,
  defaults: { timeoutSeconds: 90 },
  replaceOn: [],
  ignore: ["connection", "containerName", "timeoutSeconds"],
  id: ({ connection }) => `${connection.host}:${connection.port}`,
  ...moment(pass),
};

async function pass(wanted: Inputs, context: Context): Promise<Outputs> {
  const { connection, containerName, timeoutSeconds } = wanted;
  const poll = async () => {
    const reason = await refusal(wanted);
    const ended = reason === undefined ? undefined : await endOf(containerName, context);
    if (ended !== undefined) throw new UserError(`${containerName} ended with code ${ended}`);
    return reason;
  };
  const { done, last } = await waitFor(poll, (reason) => reason === undefined, {
    timeoutMs: timeoutSeconds * 1000,
    everyMs: pollEveryMs,
    signal: context.signal,
  });
  if (!done) {
    throw new UserError(
      `Postgres does not take logins at ${connection.host}:${connection.port} within ${timeoutSeconds} s: ${last}`,
    );
  }
  return {};
}

/** Why a login does not work yet. What waiting cannot mend (a wrong password, no such database) is thrown. */
async function refusal({ connection }: Inputs): Promise<string | undefined> {
  try {
    await withClient(connection, (client) => client.query("SELECT 1"));
    return undefined;
  } catch (error) {
    if (error instanceof SqlError && !error.isUnreachable) throw error;
    return messageOf(error);
  }
}

/** Exit code and last words of a container that ended, undefined while it runs. */
async function endOf(containerName: string, context: Context): Promise<string | undefined> {
  const docker = await context.docker();
  try {
    const { State } = await docker.getContainer(containerName).inspect();
    if (State.Running && !State.Restarting) return undefined;
    return `${State.ExitCode}: ${await lastWords(docker, containerName)}`;
  } catch (error) {
    if (hasStatus(error, 404)) return "unknown: there is no such container";
    throw error;
  }
}
