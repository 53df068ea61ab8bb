import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { roles } from "./names.ts";

export interface DatabaseGrantsArgs {
  readonly database: pulumi.Input<string>;
  readonly schema: pulumi.Input<string>;
  /** Role of Prometheus' exporter, where there is one. */
  readonly exporter: pulumi.Input<string> | undefined;
}

/**
 * Who may do what. PUBLIC may nothing; the application reads and writes rows and makes no tables; the owner makes
 * tables, and what it makes is granted to the application by default privileges.
 */
export class DatabaseGrants extends pulumi.ComponentResource {
  /** The end of the chain. */
  readonly last: pulumi.Resource;

  constructor(name: string, args: DatabaseGrantsArgs, opts: pulumi.ComponentResourceOptions) {
    super("poolkit:index:DatabaseGrants", name, {}, opts);
    const { database, schema } = args;
    const deletedWith = opts.deletedWith;
    // Parallel grants end in "tuple concurrently updated" (the official plugin locks per role and database only).
    let last: pulumi.Resource | undefined;
    const next = () => ({ parent: this, deletedWith, dependsOn: last === undefined ? [] : [last] });
    const grant = (suffix: string, grantArgs: Omit<postgresql.GrantArgs, "database">) => {
      last = new postgresql.Grant(`${name}-${suffix}`, { database, ...grantArgs }, next());
      return last;
    };
    const byDefault = (suffix: string, objectType: string, privileges: string[]) => {
      const args = { database, schema, owner: roles.owner, role: roles.app, objectType, privileges };
      last = new postgresql.DefaultPrivileges(`${name}-${suffix}`, args, next());
      return last;
    };

    grant("public-database", { role: "public", objectType: "database", privileges: [] });
    grant("public-schema", { role: "public", objectType: "schema", schema: "public", privileges: [] });
    grant("app-database", { role: roles.app, objectType: "database", privileges: ["CONNECT"] });
    grant("monitor-database", { role: roles.monitor, objectType: "database", privileges: ["CONNECT"] });
    if (args.exporter !== undefined) {
      grant("exporter-database", { role: args.exporter, objectType: "database", privileges: ["CONNECT"] });
    }
    grant("app-schema", { role: roles.app, objectType: "schema", schema, privileges: ["USAGE"] });
    byDefault("app-tables", "table", ["SELECT", "INSERT", "UPDATE", "DELETE"]);
    this.last = byDefault("app-sequences", "sequence", ["SELECT", "USAGE"]);
    this.registerOutputs({});
  }
}
