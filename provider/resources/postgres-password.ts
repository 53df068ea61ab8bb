import type Docker from "dockerode";
import { exec } from "../engine/exec.ts";
import { messageOf, UserError } from "../model/errors.ts";
import { type Connection, SqlError, withFirstClient } from "../sql/connect.ts";

/** A running container and the superuser logins under which its Postgres may answer, most likely first. */
export interface SuperuserPlace {
  readonly docker: Docker;
  readonly containerName: string;
  readonly connections: readonly Connection[];
}

/** The verifier must not end up in the server's log, and another session's ALTER ROLE must not hold an update for ever. */
const sessionSettings = [
  "SET lock_timeout = '10s'",
  "SET log_statement = 'none'",
  "SET log_min_error_statement = 'panic'",
  "SET log_min_duration_statement = -1",
];
const readVerifier = "SELECT rolpassword AS before FROM pg_authid WHERE rolname = current_user";
/** A password that has expired is refused like a wrong one. */
const writeVerifier = (verifier: string) =>
  `ALTER ROLE CURRENT_USER PASSWORD '${verifier.replaceAll("'", "''")}' VALID UNTIL 'infinity'`;

/**
 * Gives an existing cluster's superuser another verifier: the file is read only by a new cluster. Where its password is
 * one that nobody knows, by psql inside the container, whose user is the superuser (`local all postgres peer`). Returns
 * the verifier that it had.
 */
export async function givePassword(place: SuperuserPlace, verifier: string): Promise<string> {
  try {
    return await overTcp(place.connections, verifier);
  } catch (error) {
    if (!(error instanceof SqlError) || !error.isWrongPassword) throw error;
    return await inside(place, verifier, error);
  }
}

async function overTcp(connections: readonly Connection[], verifier: string): Promise<string> {
  return withFirstClient(connections, async (client) => {
    for (const setting of sessionSettings) await client.query(setting);
    const { rows } = await client.query<{ before: string }>(readVerifier);
    await client.query(writeVerifier(verifier));
    return rows[0]?.before ?? verifier;
  });
}

async function inside(place: SuperuserPlace, verifier: string, refused: SqlError): Promise<string> {
  const statements = [...sessionSettings, readVerifier, writeVerifier(verifier), "\\q"];
  const psql = ["psql", "-AtqX", "-v", "ON_ERROR_STOP=1", "-d", "postgres"];
  const input = `${statements.join(";\n")}\n`;
  const { exitCode, stdout, stderr } = await exec(place.docker, place.containerName, psql, input).catch(
    (error: unknown) => ({ exitCode: -1, stdout: "", stderr: messageOf(error) }),
  );
  if (exitCode === 0) return stdout.trim() === "" ? verifier : stdout.trim();
  // psql's words name the statement, which holds the verifier; its output is the former one.
  const why = stderr.replaceAll(verifier, "(verifier)").trim() || `exit code ${exitCode}`;
  throw new UserError(`${refused.message}; and psql inside ${place.containerName}: ${why}`);
}
