import type { Problem } from "../../pgbouncer/values.ts";
import type { ConnectionPath } from "./connection-path.ts";

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
