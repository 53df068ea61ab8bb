import * as pulumi from "@pulumi/pulumi";
import { type PostgresConnectionArgs, withSecretPassword } from "./connections.ts";

export interface RoleSettingsArgs {
  /** Login of a role that may alter `role`. */
  connection: PostgresConnectionArgs;
  /** Role whose settings these are. A change replaces the resource (the former role's settings are reset). */
  role: pulumi.Input<string>;
  /** Database in which they hold. A change replaces the resource. */
  database: pulumi.Input<string>;
  /**
   * Name → value, as `ALTER ROLE … IN DATABASE … SET name = 'value'`; times with a unit (`15s`). A change is live
   * for new sessions: pooled ones need a RECONNECT (`PgBouncerConfig.reconnectTriggers`).
   */
  settings: pulumi.Input<Record<string, pulumi.Input<string>>>;
}

/** Settings of one role in one database (`pg_db_role_setting`). Other settings of that pair are reported as drift. */
export class RoleSettings extends pulumi.CustomResource {
  declare readonly role: pulumi.Output<string>;
  declare readonly database: pulumi.Output<string>;
  declare readonly settings: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: RoleSettingsArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, connection: withSecretPassword(args.connection) };
    super("poolkit:index:RoleSettings", name, inputs, options);
  }
}
