import type { Problem } from "../../pgbouncer/values.ts";
import type { ConnectionPath } from "./connection-path.ts";
import type { Figure } from "./figure.ts";

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
  const remove = ({ path: name }: Figure) => `pulumi config rm --path poolkit:${name}`;
  const at = (figure: Figure, found: string, allowed: string): Problem => ({
    path: `poolkit:${figure.path}`,
    found,
    allowed,
    fix: remove(figure),
  });
  const names = (mode: string) =>
    path.pools.filter((pool) => (pool.mode === "session") === (mode === "session")).map(({ name }) => name);
  const [sessions, transactions] = [names("session").join(", "), names("transaction").join(", ")];
  const [prepared, reset, always, ignored] = [
    path.global("max_prepared_statements"),
    path.global("server_reset_query"),
    path.global("server_reset_query_always"),
    path.global("ignore_startup_parameters"),
  ];
  const swallowed = boundingParameters.filter((name) =>
    path
      .text("ignore_startup_parameters")
      .split(/\s*,\s*/)
      .includes(name),
  );
  return [
    ...(prepared.value === 0 && transactions !== ""
      ? [
          at(
            prepared,
            `0 in transaction mode (${transactions})`,
            "at least 1: a prepared statement is else unknown to the next server connection (26000)",
          ),
        ]
      : []),
    ...(path.text("server_reset_query") === "" && sessions !== ""
      ? [
          at(
            reset,
            `no clean-up in session mode (${sessions})`,
            "DISCARD ALL: the next client else gets the settings, locks and temporary tables of the former one",
          ),
        ]
      : []),
    ...(always.value === 1 && transactions !== ""
      ? [
          at(
            always,
            `1 in transaction mode (${transactions})`,
            "0: the clean-up else runs after every transaction and drops the statements that PgBouncer has prepared",
          ),
        ]
      : []),
    ...(swallowed.length === 0
      ? []
      : [
          at(
            ignored,
            `${swallowed.join(", ")} among what is swallowed`,
            "none of these: a client that asks for one gets neither it nor an error, and its work has no end",
          ),
        ]),
  ];
}
