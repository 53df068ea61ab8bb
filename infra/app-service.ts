import * as pulumi from "@pulumi/pulumi";
import { AppConfig } from "../provider/sdk/app-config.ts";
import { HealthGate } from "../provider/sdk/health-gate.ts";
import { appSettings } from "./app-settings.ts";
import type { OwnApplication } from "./application.ts";
import { setFolder } from "./application-contract.ts";
import { ownForm, referenceForm } from "./application-form.ts";
import { container } from "./container.ts";
import { appAlias, type EngineNames } from "./names.ts";
import type { Preset } from "./presets.ts";
import type { Login } from "./secrets.ts";
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
  readonly logins: { readonly app: Login; readonly owner: Login; readonly monitor: Login };
  /** The user's own application; undefined = the reference application. */
  readonly application: OwnApplication | undefined;
  /** Bearer token of the health endpoint. */
  readonly token: pulumi.Output<string>;
  /** Bearer token of the product's routes. */
  readonly apiToken: pulumi.Output<string>;
  /** Bearer token of the reference application's metrics. */
  readonly metricsToken: pulumi.Output<string>;
  /**
   * What must run before the application's settings are in force: it must never ask for more than the pooler gives, and
   * it tries a new login before it takes it.
   */
  readonly configuredAfter: pulumi.Resource;
  /** What else must be there before the application starts: migrated tables. */
  readonly startsAfter: readonly pulumi.Resource[];
  /** What follows once the settings are in force and the container runs, before the health gate. */
  readonly settle: (settled: pulumi.Resource[]) => pulumi.Resource;
  /** What else must be there before the health gate, and so is deleted after it. */
  readonly checkedAfter: readonly pulumi.Resource[];
  /** What the health gate looks at again when it changes: container ids and configuration hashes. */
  readonly healthTriggers: Readonly<Record<string, pulumi.Input<string>>>;
}

/** The application container, its settings as files (a change is a signal, not a new container) and the health gate. */
export class AppService extends pulumi.ComponentResource {
  readonly url: string;
  readonly healthUrl: string;
  readonly healthToken: pulumi.Output<string>;
  /** These three are undefined for an own application. */
  readonly apiToken: pulumi.Output<string> | undefined;
  readonly metricsUrl: string | undefined;
  readonly metricsToken: pulumi.Output<string> | undefined;

  constructor(name: string, args: AppServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:AppService", name, {}, opts);
    const { names, sizes, application } = args;
    const child = { parent: this };
    const formArgs = { ...args, healthToken: args.token };
    const form = application === undefined ? referenceForm(formArgs) : ownForm(application, formArgs);
    this.url = `http://127.0.0.1:${args.hostPort}`;
    this.healthUrl = `${this.url}${form.healthPath}`;
    this.healthToken = args.token;
    if (application === undefined) {
      this.apiToken = args.apiToken;
      this.metricsUrl = `${this.url}/metrics`;
      this.metricsToken = args.metricsToken;
    }

    const volume = stackVolume(
      `${name}-config-volume`,
      { stack: args.stack, volumeName: names.appConfig },
      child,
    );
    const config = new AppConfig(
      `${name}-config`,
      {
        volumeName: names.appConfig,
        containerName: names.app,
        image: args.image,
        uid: form.uid,
        gid: form.uid,
        settings: appSettings(args.stack, args.presetName, sizes),
        files: form.files,
        reloadSignal: form.reloadSignal === "SIGHUP" ? undefined : form.reloadSignal,
        readBack: form.reportsRevision ? { url: this.healthUrl, token: args.token } : undefined,
      },
      { ...child, dependsOn: [volume, args.configuredAfter], deletedWith: volume },
    );
    const server = container(
      `${name}-server`,
      {
        stack: args.stack,
        containerName: names.app,
        alias: appAlias,
        image: args.image,
        network: args.network,
        hostPort: args.hostPort,
        port: form.port,
        volumes: [{ volumeName: names.appConfig, containerPath: setFolder, readOnly: true }],
        envs: form.envs,
        user: form.user,
        // Who cannot be asked to read changed files again gets a new container, and the preview says so.
        labels: form.reloadSignal === "none" ? { "poolkit.config": config.revision } : {},
        memoryMegabytes: form.memoryMegabytes,
        stopSignal: form.stopSignal,
        stopGraceSeconds: sizes.stopGraceSeconds + 5,
      },
      { ...child, dependsOn: [config, ...args.startsAfter] },
    );
    const settled = args.settle([config, server]);
    new HealthGate(
      `${name}-health`,
      {
        url: this.healthUrl,
        token: args.token,
        triggers: { ...args.healthTriggers, app: server.id, appRevision: config.revision },
        expectedRevision: form.reportsRevision ? config.revision : undefined,
      },
      // Everything else is deleted before the data volume; the gate goes first of all. Protecting it too makes destroy
      // refuse before it has removed anything, even without a preview.
      { ...child, protect: sizes.protectData, dependsOn: [settled, ...args.checkedAfter] },
    );
    this.registerOutputs({ url: this.url, healthUrl: this.healthUrl });
  }
}
