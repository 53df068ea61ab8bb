import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { ChangeCount } from "../provider/sdk/change-count.ts";
import { Migrations } from "../provider/sdk/migrations.ts";
import { PostgresConfig } from "../provider/sdk/postgres-config.ts";
import { PostgresGate } from "../provider/sdk/postgres-gate.ts";
import { RoleSettings } from "../provider/sdk/role-settings.ts";
import { kitDeployment } from "./budget/deployment.ts";
import { container } from "./container.ts";
import { DatabaseGrants } from "./database-grants.ts";
import { type EngineNames, postgresAlias, postgresPort, postgresUid, roles, schemaName } from "./names.ts";
import { hostBasedAccess, postgresSettings } from "./postgres-settings.ts";
import { type Preset, restartOnlyLimits } from "./presets.ts";
import type { Login } from "./secrets.ts";
import { stackVolume } from "./volume.ts";

export interface DatabaseArgs {
  readonly stack: string;
  readonly names: EngineNames;
  readonly sizes: Preset;
  readonly databaseName: string;
  /** CONNECTION LIMIT of the application's role: Postgres' own stop for a pooler that runs wild. */
  readonly applicationConnections: number;
  /** The same of the monitoring role. */
  readonly monitorConnections: number;
  readonly hostPort: number;
  /** How the resources inside Postgres are made: as its superuser. */
  readonly provider: postgresql.Provider;
  readonly image: pulumi.Input<string>;
  /** All images of the stack: where one of them does not build, nothing else changes. */
  readonly changesAfter: pulumi.Resource;
  readonly network: pulumi.Input<string>;
  /** Folder of Prisma migrations; undefined = the application makes its tables itself. */
  readonly migrations: string | undefined;
  readonly logins: {
    readonly superuser: Login;
    readonly owner: Login;
    readonly app: Login;
    readonly monitor: Login;
    readonly exporter: Login;
  };
  /** Whether Prometheus' exporter gets a role. Change: the role and who may connect, live. */
  readonly observability: boolean;
}

/**
 * Postgres 18 with its data volume, configuration, roles, database, schema, grants and migrated tables. Replacing the
 * container keeps the data; only the volume holds any.
 */
export class Database extends pulumi.ComponentResource {
  /** Identity of what runs: the health gate looks again when it changes. */
  readonly versions: Readonly<Record<string, pulumi.Output<string>>>;
  /**
   * Name of the running container inside the stack's network, another one for each container: PgBouncer's resolver
   * (c-ares >= 1.31) keeps an address for as long as the engine's name server says (600 s), whatever `dns_max_ttl` is, and
   * neither RELOAD nor RECONNECT makes it ask again. Under the same name, a new container with another address would be
   * out of its reach.
   */
  readonly host: pulumi.Output<string>;
  /** The settings of the application's role and how often they changed, known once they are in force for new sessions. */
  readonly roleSettings: pulumi.Output<string>;
  /** The last steps: rights and tables are there, the application may start. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:Database", name, {}, opts);
    const { names, sizes, logins, databaseName } = args;
    const child = { parent: this };

    const data = stackVolume(
      `${name}-data`,
      { stack: args.stack, volumeName: names.postgresData },
      { ...child, protect: sizes.protectData },
    );
    const configVolume = stackVolume(
      `${name}-config-volume`,
      { stack: args.stack, volumeName: names.postgresConfig },
      child,
    );

    const direct = (database: string, login: Login) => ({
      host: "127.0.0.1",
      port: args.hostPort,
      database,
      user: login.role,
      password: login.password,
    });
    const config = new PostgresConfig(
      `${name}-config`,
      {
        volumeName: names.postgresConfig,
        containerName: names.postgres,
        image: args.image,
        uid: postgresUid,
        gid: postgresUid,
        settings: postgresSettings,
        hba: hostBasedAccess(databaseName, args.observability),
        superuserVerifier: logins.superuser.verifier,
        connection: direct("postgres", logins.superuser),
      },
      { ...child, dependsOn: [configVolume, args.changesAfter], deletedWith: configVolume },
    );
    const server = container(
      `${name}-server`,
      {
        stack: args.stack,
        containerName: names.postgres,
        alias: postgresAlias,
        image: args.image,
        network: args.network,
        hostPort: args.hostPort,
        port: postgresPort,
        volumes: [
          { volumeName: names.postgresData, containerPath: "/var/lib/postgresql" },
          { volumeName: names.postgresConfig, containerPath: "/etc/poolkit", readOnly: true },
        ],
        memoryMegabytes: restartOnlyLimits.postgresMemoryMegabytes,
        sharedMemoryMegabytes: 256,
        stopGraceSeconds: 60,
      },
      { ...child, dependsOn: [data, config] },
    );

    const accepts = new PostgresGate(
      `${name}-gate`,
      {
        connection: direct("postgres", logins.superuser),
        containerName: names.postgres,
        triggers: { server: server.id },
      },
      child,
    );
    // What lives in the data volume goes with it; without this, destroy would undo every grant one by one.
    const inside = { ...child, provider: args.provider, deletedWith: data, dependsOn: [accepts] };

    const owner = new postgresql.Role(
      `${name}-owner`,
      { name: roles.owner, login: true, password: logins.owner.verifier, searchPaths: [schemaName] },
      inside,
    );
    const sessionSettings = {
      statementTimeout: sizes.statementTimeoutSeconds * 1000,
      idleInTransactionSessionTimeout: sizes.idleInTransactionTimeoutSeconds * 1000,
    };
    const roleSettings = { lock_timeout: `${sizes.lockTimeoutSeconds}s` };
    // Before the role, so that a change of it that is cut on its way to PgBouncer is not forgotten when it is taken back.
    const changes = new ChangeCount(
      `${name}-app-changes`,
      { triggers: { settings: JSON.stringify([sessionSettings, roleSettings]) } },
      child,
    );
    const app = new postgresql.Role(
      `${name}-app`,
      {
        name: roles.app,
        login: true,
        password: logins.app.verifier,
        searchPaths: [schemaName],
        connectionLimit: args.applicationConnections,
        ...sessionSettings,
      },
      { ...inside, dependsOn: [accepts, changes] },
    );
    const monitor = new postgresql.Role(
      `${name}-monitor`,
      {
        name: roles.monitor,
        login: true,
        password: logins.monitor.verifier,
        connectionLimit: args.monitorConnections,
        roles: ["pg_monitor"],
      },
      inside,
    );
    const exporter = args.observability
      ? new postgresql.Role(
          `${name}-exporter`,
          {
            name: roles.exporter,
            login: true,
            password: logins.exporter.verifier,
            connectionLimit: kitDeployment.exporterRoleLimit,
            roles: ["pg_monitor"],
          },
          inside,
        )
      : undefined;
    const database = new postgresql.Database(
      `${name}-database`,
      {
        name: databaseName,
        owner: owner.name,
        encoding: "UTF8",
        template: "template0",
        lcCollate: "C.UTF-8",
        lcCtype: "C.UTF-8",
      },
      inside,
    );
    const schema = new postgresql.Schema(
      `${name}-schema`,
      { name: schemaName, database: database.name, owner: owner.name },
      inside,
    );
    const grants = new DatabaseGrants(
      `${name}-grants`,
      { database: database.name, schema: schema.name, exporter: exporter?.name },
      { ...child, provider: args.provider, deletedWith: data, dependsOn: [owner, app, monitor] },
    );

    const appSettings = new RoleSettings(
      `${name}-app-settings`,
      {
        connection: direct("postgres", logins.superuser),
        role: app.name,
        database: database.name,
        settings: roleSettings,
      },
      { ...child, deletedWith: data },
    );
    const prepared = [grants.last, appSettings];
    const migrations =
      args.migrations === undefined
        ? undefined
        : new Migrations(
            `${name}-migrations`,
            {
              connection: direct(databaseName, logins.owner),
              readConnection: direct(databaseName, logins.superuser),
              schema: schemaName,
              directory: args.migrations,
            },
            { ...child, deletedWith: data, dependsOn: prepared },
          );

    // The engine's short form of the id, which it answers to.
    this.host = server.id.apply((id) => id.slice(0, 12));
    this.versions = { postgres: server.id, postgresConfig: config.sha256 };
    this.roleSettings = pulumi.jsonStringify([
      changes.count,
      app.statementTimeout,
      app.idleInTransactionSessionTimeout,
      appSettings.settings,
    ]);
    this.ready = migrations === undefined ? prepared : [migrations];
    this.registerOutputs({ versions: this.versions });
  }
}
