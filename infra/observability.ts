import * as pulumi from "@pulumi/pulumi";
import { filesFolder, prometheusYaml, rulesYaml, type ScrapeJob } from "../observability/config.ts";
import { alertRules, type Sizes } from "../observability/rules.ts";
import { HealthGate } from "../provider/sdk/health-gate.ts";
import { PrometheusConfig } from "../provider/sdk/prometheus-config.ts";
import { container } from "./container.ts";
import type { ObservabilityImages } from "./images.ts";
import {
  appAlias,
  appPort,
  type EngineNames,
  pgbouncerAlias,
  pgbouncerExporterAlias,
  pgbouncerExporterPort,
  pgbouncerPort,
  postgresAlias,
  postgresExporterAlias,
  postgresExporterPort,
  postgresPort,
  prometheusAlias,
  prometheusPort,
  unprivilegedUid,
} from "./names.ts";
import { restartOnlyLimits } from "./presets.ts";
import type { Login } from "./secrets.ts";
import { stackVolume } from "./volume.ts";

export interface ObservabilityArgs {
  readonly stack: string;
  readonly names: EngineNames;
  readonly databaseName: string;
  /** What the thresholds of the alerts follow from. Change: live. */
  readonly alertSizes: Sizes;
  readonly images: ObservabilityImages;
  /** All images of the stack: where one of them does not build, nothing else changes. */
  readonly changesAfter: pulumi.Resource;
  readonly network: pulumi.Input<string>;
  readonly hostPort: number;
  readonly login: Login;
  /** Bearer token of the application's metrics; undefined = it shows none. */
  readonly metricsToken: pulumi.Output<string> | undefined;
  /** What Prometheus asks beside the stack's own targets. Change: live. */
  readonly scrapeJobs: readonly ScrapeJob[];
}

/**
 * Prometheus with its exporters of PgBouncer and Postgres. They wait for nobody and nobody waits for them but the gate
 * at the end: what they cannot reach yet they report as down.
 */
export class Observability extends pulumi.ComponentResource {
  readonly url: string;
  readonly containers: readonly pulumi.Resource[];

  constructor(name: string, args: ObservabilityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("poolkit:index:Observability", name, {}, opts);
    const { stack, names, images, network, login } = args;
    const child = { parent: this };
    this.url = `http://127.0.0.1:${args.hostPort}`;

    const volume = (suffix: string, volumeName: string) =>
      stackVolume(`${name}-${suffix}`, { stack, volumeName }, child);
    const configVolume = volume("config-volume", names.prometheusConfig);
    const data = volume("data", names.prometheusData);
    const config = new PrometheusConfig(
      `${name}-config`,
      {
        volumeName: names.prometheusConfig,
        containerName: names.prometheus,
        image: images.prometheus,
        uid: unprivilegedUid,
        gid: unprivilegedUid,
        files: filesOf(args),
        url: this.url,
      },
      { ...child, dependsOn: [configVolume, args.changesAfter], deletedWith: configVolume },
    );

    const common = { stack, network, stopGraceSeconds: 10 };
    const files = { volumeName: names.prometheusConfig, containerPath: filesFolder, readOnly: true };
    const started = { ...child, dependsOn: [config] };
    const pgbouncerExporter = container(
      `${name}-pgbouncer-exporter`,
      {
        ...common,
        containerName: names.pgbouncerExporter,
        alias: pgbouncerExporterAlias,
        image: images.pgbouncerExporter,
        port: pgbouncerExporterPort,
        volumes: [files],
        command: [
          `--pgBouncer.connectionString=${addressOf(login, pgbouncerAlias, pgbouncerPort, "pgbouncer")}`,
        ],
        memoryMegabytes: restartOnlyLimits.exporterMemoryMegabytes,
      },
      started,
    );
    const postgresExporter = container(
      `${name}-postgres-exporter`,
      {
        ...common,
        containerName: names.postgresExporter,
        alias: postgresExporterAlias,
        image: images.postgresExporter,
        port: postgresExporterPort,
        volumes: [files],
        envs: [`DATA_SOURCE_NAME=${addressOf(login, postgresAlias, postgresPort, args.databaseName)}`],
        memoryMegabytes: restartOnlyLimits.exporterMemoryMegabytes,
      },
      started,
    );
    const server = container(
      `${name}-prometheus`,
      {
        ...common,
        containerName: names.prometheus,
        alias: prometheusAlias,
        image: images.prometheus,
        hostPort: args.hostPort,
        port: prometheusPort,
        volumes: [files, { volumeName: names.prometheusData, containerPath: "/prometheus" }],
        memoryMegabytes: restartOnlyLimits.prometheusMemoryMegabytes,
      },
      { ...child, dependsOn: [config, data] },
    );
    new HealthGate(
      `${name}-ready`,
      // Prometheus asks for no token.
      { url: `${this.url}/-/ready`, token: "", triggers: { prometheus: server.id } },
      child,
    );
    this.containers = [pgbouncerExporter, postgresExporter, server];
    this.registerOutputs({ url: this.url });
  }
}

/** Everything that the three containers read: one volume, because each file is for a process of the same user. */
function filesOf(args: ObservabilityArgs): Record<string, pulumi.Input<string>> {
  const { login, metricsToken } = args;
  const targets = {
    pgbouncer: `${pgbouncerExporterAlias}:${pgbouncerExporterPort}`,
    postgres: `${postgresExporterAlias}:${postgresExporterPort}`,
  };
  const hosts = [`${pgbouncerAlias}:${pgbouncerPort}`, `${postgresAlias}:${postgresPort}`];
  return {
    "prometheus.yml": pulumi.output(metricsToken).apply((token) => {
      const app = token === undefined ? undefined : { address: `${appAlias}:${appPort}`, token };
      return prometheusYaml({ ...targets, app }, { stack: args.stack }, args.scrapeJobs);
    }),
    "poolkit.rules.yml": rulesYaml(alertRules(args.alertSizes)),
    // The password file of libpq; the exporters' driver reads it at every login.
    pgpass: login.password.apply((password) =>
      hosts.map((host) => `${host}:*:${login.role}:${password}\n`).join(""),
    ),
  };
}

/** Without the password: arguments and variables stand in `docker inspect`. */
function addressOf(login: Login, host: string, port: number, database: string): string {
  return `postgresql://${login.role}@${host}:${port}/${database}?sslmode=disable`;
}
