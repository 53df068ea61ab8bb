import type { Problem } from "../../pgbouncer/values.ts";
import type { ConnectionPath, Pool } from "./connection-path.ts";

/** Settings of PgBouncer under which the application cannot work at all, whatever the sizes are. */
export function modeProblems(path: ConnectionPath): Problem[] {
  const statement = path.pools
    .filter((pool) => pool.isApplications && pool.mode === "statement")
    .map(({ modePath }) => ({
      path: `poolkit:${modePath}`,
      found: '"statement" for the application\'s pool',
      allowed: "transaction or session: the application opens transactions, which statement mode refuses",
      fix: `pulumi config set --path poolkit:${modePath} transaction`,
    }));
  const pqexec = path.global("disable_pqexec");
  if (pqexec.value === 0) return statement;
  return [
    ...statement,
    {
      path: `poolkit:${pqexec.path}`,
      found: "1",
      allowed: "0: the application's transactions and health probes use the simple query protocol",
      fix: `pulumi config rm --path poolkit:${pqexec.path}`,
    },
  ];
}

/** Startup parameters that bound how long work may take: swallowed, it runs without that bound. */
const boundingParameters = [
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "transaction_timeout",
];

/** Settings of PgBouncer that work, but not well with the mode of a pool or with what clients rely on. */
export function modeAdvice(path: ConnectionPath): Problem[] {
  const poolsWhere = (isWanted: (pool: Pool) => boolean) =>
    path.pools
      .filter(isWanted)
      .map(({ name }) => name)
      .join(", ");
  const inSession = poolsWhere(({ mode }) => mode === "session");
  const inTransaction = poolsWhere(({ mode }) => mode !== "session");
  const swallowed = boundingParameters.filter((name) =>
    path
      .text("ignore_startup_parameters")
      .split(/\s*,\s*/)
      .includes(name),
  );
  const advise = (isAdvised: boolean, setting: string, found: string, allowed: string): Problem[] => {
    const { path: at } = path.global(setting);
    const fix = `pulumi config rm --path poolkit:${at}`;
    return isAdvised ? [{ path: `poolkit:${at}`, found, allowed, fix }] : [];
  };
  return [
    ...advise(
      path.global("max_prepared_statements").value === 0 && inTransaction !== "",
      "max_prepared_statements",
      `0 in transaction mode (${inTransaction})`,
      "at least 1: a prepared statement is else unknown to the next server connection (26000)",
    ),
    ...advise(
      path.text("server_reset_query") === "" && inSession !== "",
      "server_reset_query",
      `no clean-up in session mode (${inSession})`,
      "DISCARD ALL: the next client else gets the settings, locks and temporary tables of the former one",
    ),
    ...advise(
      path.global("server_reset_query_always").value === 1 && inTransaction !== "",
      "server_reset_query_always",
      `1 in transaction mode (${inTransaction})`,
      "0: the clean-up else runs after every transaction and drops the statements that PgBouncer has prepared",
    ),
    ...advise(
      swallowed.length > 0,
      "ignore_startup_parameters",
      `${swallowed.join(", ")} among what is swallowed`,
      "none of these: a client that asks for one gets neither it nor an error, and its work has no end",
    ),
  ];
}
