import * as pulumi from "@pulumi/pulumi";
import type { PgBouncerIni } from "../pgbouncer/render.ts";
import { PgBouncerClientLimits } from "../provider/sdk/pgbouncer-client-limits.ts";
import { PgBouncerConfig } from "../provider/sdk/pgbouncer-config.ts";
import { container } from "./container.ts";
import { type EngineNames, pgbouncerAlias, pgbouncerPort, unprivilegedUid } from "./names.ts";
import { poolerStopSeconds } from "./pooler-settings.ts";
import { type Preset, restartOnlyLimits } from "./presets.ts";
import type { Login } from "./secrets.ts";
import { stackVolume } from "./volume.ts";

export interface PoolerArgs {
  readonly stack: string;
  readonly names: EngineNames;
  /** The whole `pgbouncer.ini`. Change: RELOAD, read back from the running process. */
  readonly pgbouncer: PgBouncerIni;
  /** Where Postgres is, for every entry of `[databases]`. Change: RELOAD; clients wait for the new server connections. */
  readonly databaseHost: pulumi.Output<string>;
  readonly hostPort: number;
  readonly image: pulumi.Input<string>;
  readonly network: pulumi.Input<string>;
  readonly sizes: Preset;
  /** Connections of one set of the application's pools: what must be free before limits on clients are lowered. */
  readonly applicationClients: number;
  readonly logins: {
    readonly app: Login;
    readonly monitor: Login;
    readonly admin: Login;
    readonly exporter: Login;
  };
  /** Whether Prometheus' exporter may log in to the console. Change: RELOAD. */
  readonly observability: boolean;
  /** Settings of the application's role. A change renews the server connections (RECONNECT) after it. */
  readonly roleSettings: pulumi.Input<string>;
}

/** PgBouncer in transaction mode, configured by files in a volume: a change of a setting replaces nothing. */
export class Pooler extends pulumi.ComponentResource {
  /** Identity of what runs: the health gate looks again when it changes. */
  readonly versions: Readonly<Record<string, pulumi.Output<string>>>;
  /** The running container, its settings in force. */
  readonly ready: pulumi.Resource;
  /**
   * Lowers the limits on clients, when this change does, after the application has settled with what it has now: the
   * way out is from the inside, as the way in is from the outside.
   */
  readonly settleAfter: (settled: pulumi.Resource[]) => pulumi.Resource;

  constructor(name: string, args: PoolerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:Pooler", name, {}, opts);
    const { names, logins, sizes } = args;
    const child = { parent: this };

    const volume = stackVolume(
      `${name}-config-volume`,
      { stack: args.stack, volumeName: names.pgbouncerConfig },
      child,
    );
    const place = {
      volumeName: names.pgbouncerConfig,
      containerName: names.pgbouncer,
      image: args.image,
      uid: unprivilegedUid,
      gid: unprivilegedUid,
    };
    const console = {
      host: "127.0.0.1",
      port: args.hostPort,
      user: logins.admin.role,
      password: logins.admin.password,
    };
    const stopGraceSeconds = poolerStopSeconds(sizes);
    const config = new PgBouncerConfig(
      `${name}-config`,
      {
        ...place,
        settings: args.pgbouncer.settings,
        databases: onHost(args.pgbouncer.databases, args.databaseHost),
        users: unlessEmpty(args.pgbouncer.users),
        peers: unlessEmpty(args.pgbouncer.peers),
        userlist: {
          [logins.app.role]: logins.app.verifier,
          [logins.monitor.role]: logins.monitor.verifier,
          [logins.admin.role]: logins.admin.verifier,
          ...(args.observability ? { [logins.exporter.role]: logins.exporter.verifier } : {}),
        },
        console,
        reconnectTriggers: [args.roleSettings],
        lowersClientsLater: true,
        restartGraceSeconds: stopGraceSeconds,
      },
      { ...child, dependsOn: [volume], deletedWith: volume },
    );
    const server = container(
      `${name}-server`,
      {
        stack: args.stack,
        containerName: names.pgbouncer,
        alias: pgbouncerAlias,
        image: args.image,
        network: args.network,
        hostPort: args.hostPort,
        port: pgbouncerPort,
        volumes: [{ volumeName: names.pgbouncerConfig, containerPath: "/etc/poolkit", readOnly: true }],
        memoryMegabytes: restartOnlyLimits.pgbouncerMemoryMegabytes,
        openFiles: restartOnlyLimits.pgbouncerOpenFiles,
        stopGraceSeconds,
      },
      { ...child, dependsOn: [config] },
    );

    this.versions = { pgbouncer: server.id, pgbouncerConfig: config.sha256 };
    this.ready = server;
    this.settleAfter = (settled) =>
      new PgBouncerClientLimits(
        `${name}-client-limits`,
        {
          ...place,
          console,
          heldAt: config.clientsHeldAt,
          room: args.applicationClients,
          patienceSeconds: sizes.stopGraceSeconds,
        },
        { ...child, dependsOn: [config, server, ...settled], deletedWith: volume },
      );
    this.registerOutputs({ versions: this.versions });
  }
}

function onHost(databases: PgBouncerIni["databases"], host: pulumi.Output<string>) {
  return Object.fromEntries(Object.entries(databases).map(([name, keys]) => [name, { ...keys, host }]));
}

/** Left out, a section is no difference to a stack that never had one. */
function unlessEmpty<T extends object>(section: T): T | undefined {
  return Object.keys(section).length === 0 ? undefined : section;
}
