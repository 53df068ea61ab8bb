import { isDeepStrictEqual } from "node:util";
import { normaliseSet } from "../plan.ts";
import type { State } from "../schema.ts";
import type { Server } from "../server/server.ts";
import type { Value } from "../value.ts";
import { list, text } from "./resource.ts";

/** Every privilege there is for an object type. */
const ALL_PRIVILEGES: Readonly<Record<string, readonly string[]>> = {
  database: ["CREATE", "CONNECT", "TEMPORARY"],
  table: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
  sequence: ["USAGE", "SELECT", "UPDATE"],
  schema: ["CREATE", "USAGE"],
  function: ["EXECUTE"],
  procedure: ["EXECUTE"],
  routine: ["EXECUTE"],
  type: ["USAGE"],
  foreign_data_wrapper: ["USAGE"],
  foreign_server: ["USAGE"],
  column: ["SELECT", "INSERT", "UPDATE", "REFERENCES"],
};

async function allPrivileges(server: Server, objectType: string): Promise<readonly string[]> {
  const all = ALL_PRIVILEGES[objectType];
  if (!all) throw new Error(`unknown object type ${objectType}`);
  return objectType === "table" && (await server.supports("maintainPrivilege")) ? [...all, "MAINTAIN"] : all;
}

/**
 * Refuses privileges that the object type does not have.
 * @throws Error naming the first such privilege.
 */
export async function validatePrivileges(server: Server, planned: State): Promise<void> {
  const objectType = text(planned, "objectType");
  const allowed = ["ALL", ...(await allPrivileges(server, objectType))];
  for (const privilege of list(planned, "privileges")) {
    if (!allowed.includes(privilege)) {
      throw new Error(`${privilege} is not an allowed privilege for object type ${objectType}`);
    }
  }
}

/** The privileges for the state: as they were when the server has the same (`ALL` stands for every one). */
export async function readBack(server: Server, state: State, granted: readonly string[]): Promise<Value> {
  const found = normaliseSet(granted);
  const known = normaliseSet(list(state, "privileges"));
  if (isDeepStrictEqual(found, known)) return state.privileges ?? null;
  if (!known.includes("ALL")) return found;
  const all = normaliseSet([...(await allPrivileges(server, text(state, "objectType")))]);
  return isDeepStrictEqual(found, all) ? (state.privileges ?? null) : found;
}
