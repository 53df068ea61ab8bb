import * as pulumi from "@pulumi/pulumi";
import { AppConfig } from "../provider/sdk/app-config.ts";
import { HealthGate } from "../provider/sdk/health-gate.ts";
import { appSettings } from "./app-settings.ts";
import { container } from "./container.ts";
import {
  appPort,
  type EngineNames,
  pgbouncerAlias,
  pgbouncerPort,
  postgresAlias,
  postgresPort,
  unprivilegedUid,
} from "./names.ts";
import type { Preset } from "./presets.ts";
import type { Login } from "./secrets.ts";
import { postgresUrl } from "./urls.ts";
import { stackVolume } from "./volume.ts";

export interface AppServiceArgs {
  readonly stack: string;
  readonly presetName: string;
  readonly names: EngineNames;
  readonly sizes: Preset;
  readonly databaseName: string;
  readonly hostPort: number;
  readonly image: pulumi.Input<string>;
  readonly network: pulumi.Input<string>;
  readonly logins: { readonly app: Login; readonly monitor: Login };
  /** Bearer token of the health endpoint. */
  readonly token: pulumi.Output<string>;
  /** Bearer token of the product's routes. */
  readonly apiToken: pulumi.Output<string>;
  /** What must be in force before the application's settings are: it must never ask for more than the pooler gives. */
  readonly configuredAfter: pulumi.Resource;
  /** What must be there before the application starts: migrated tables and the pooler. */
  readonly startsAfter: pulumi.Resource[];
  /** What the health gate looks at again when it changes: container ids and configuration hashes. */
  readonly healthTriggers: Readonly<Record<string, pulumi.Input<string>>>;
}

/** The application container, its settings as files (a change is a signal, not a new container) and the health gate. */
export class AppService extends pulumi.ComponentResource {
  readonly url: string;
  readonly healthUrl: string;
  readonly healthToken: pulumi.Output<string>;
  readonly apiToken: pulumi.Output<string>;

  constructor(name: string, args: AppServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:AppService", name, {}, opts);
    const { names, sizes, logins, databaseName } = args;
    const child = { parent: this };
    this.url = `http://127.0.0.1:${args.hostPort}`;
    this.healthUrl = `${this.url}/api/admin/database-health`;
    this.healthToken = args.token;
    this.apiToken = args.apiToken;

    const volume = stackVolume(
      `${name}-config-volume`,
      { stack: args.stack, volumeName: names.appConfig },
      child,
    );
    const viaPooler = { host: pgbouncerAlias, port: pgbouncerPort };
    const config = new AppConfig(
      `${name}-config`,
      {
        volumeName: names.appConfig,
        containerName: names.app,
        image: args.image,
        uid: unprivilegedUid,
        gid: unprivilegedUid,
        settings: appSettings(args.stack, args.presetName, sizes),
        files: {
          "database-url": postgresUrl(logins.app, {
            ...viaPooler,
            database: databaseName,
            parameters: { connection_limit: sizes.connectionLimit, pool_timeout: sizes.poolTimeoutSeconds },
          }),
          "monitor-url": postgresUrl(logins.monitor, {
            host: postgresAlias,
            port: postgresPort,
            database: databaseName,
          }),
          "console-url": postgresUrl(logins.monitor, { ...viaPooler, database: "pgbouncer" }),
          "health-token": args.token,
          "api-token": args.apiToken,
        },
        readBack: { url: this.healthUrl, token: args.token },
      },
      { ...child, dependsOn: [volume, args.configuredAfter], deletedWith: volume },
    );
    const server = container(
      `${name}-server`,
      {
        stack: args.stack,
        containerName: names.app,
        alias: "app",
        image: args.image,
        network: args.network,
        hostPort: args.hostPort,
        port: appPort,
        volumes: [{ volumeName: names.appConfig, containerPath: "/run/poolkit", readOnly: true }],
        envs: ["LOG_LEVEL=info", "NODE_ENV=production", "POOLKIT_CONFIG_DIR=/run/poolkit", `PORT=${appPort}`],
        memoryMegabytes: 512,
        stopGraceSeconds: sizes.stopGraceSeconds + 5,
      },
      { ...child, dependsOn: [config, ...args.startsAfter] },
    );
    new HealthGate(
      `${name}-health`,
      {
        url: this.healthUrl,
        token: args.token,
        triggers: { ...args.healthTriggers, app: server.id, appRevision: config.revision },
        expectedRevision: config.revision,
      },
      // Everything else is deleted before the data volume; the gate goes first of all. Protecting it too makes destroy
      // refuse before it has removed anything, even without a preview.
      { ...child, protect: sizes.protectData },
    );
    this.registerOutputs({ url: this.url, healthUrl: this.healthUrl });
  }
}
