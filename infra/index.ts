import "./native-stack-traces.ts";
import { readFileSync } from "node:fs";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { Provider } from "../provider/sdk/provider.ts";
import { AppService } from "./app-service.ts";
import { budgetOutput } from "./budget/budget.ts";
import { readConfig } from "./config.ts";
import { Database } from "./database.ts";
import { bundleApplication, Images } from "./images.ts";
import { engineNames } from "./names.ts";
import { Observability } from "./observability.ts";
import { Pooler } from "./pooler.ts";
import { checkEngine } from "./preflight.ts";
import { allLogins, token } from "./secrets.ts";
import { postgresUrl } from "./urls.ts";
import { stackLabels } from "./volume.ts";

const config = readConfig();
const { stack, sizes, ports, databaseName, observability } = config;
const names = engineNames(stack);
const kit = new Provider("kit", { dockerHost: config.dockerHost });
const { application } = config;
if (application === undefined) await bundleApplication();
await checkEngine(config, names, kit);

const engine = new docker.Provider("engine", { host: config.dockerHost });
const providers = { providers: [engine, kit] };
const images = new Images("images", { baseImage: config.baseImage, application, observability }, providers);
const network = new docker.Network(
  "network",
  { name: names.network, labels: stackLabels(stack) },
  { provider: engine },
);
const logins = allLogins(config.secretSeed, stack);
const common = { stack, names, sizes, databaseName, network: network.name, logins, observability };

const database = new Database(
  "database",
  {
    ...common,
    hostPort: ports.postgres,
    image: images.postgres,
    migrations: application === undefined ? "prisma/migrations" : application.migrations,
    applicationConnections: config.budget.applicationRoleLimit,
  },
  providers,
);
const pooler = new Pooler(
  "pooler",
  {
    ...common,
    hostPort: ports.pgbouncer,
    image: images.pgbouncer,
    pgbouncer: config.pgbouncer,
    roleSettings: database.roleSettings,
    applicationClients: sizes.connectionLimit * (application?.processes ?? 1),
  },
  providers,
);
const service = new AppService(
  "app",
  {
    ...common,
    presetName: config.presetName,
    application,
    hostPort: ports.app,
    image: images.app,
    token: token(config.secretSeed, stack, "health"),
    apiToken: token(config.secretSeed, stack, "api"),
    metricsToken: token(config.secretSeed, stack, "metrics"),
    configuredAfter: pooler.configured,
    startsAfter: [...database.ready, pooler.ready],
    settle: pooler.settleAfter,
    healthTriggers: { ...database.versions, ...pooler.versions },
  },
  providers,
);

const observed =
  images.observability &&
  new Observability(
    "observability",
    {
      ...common,
      alertSizes: config.alertSizes,
      images: images.observability,
      hostPort: ports.prometheus,
      login: logins.exporter,
      metricsToken: service.metricsToken,
    },
    providers,
  );

const loopback = { host: "127.0.0.1", database: databaseName };
export const preset = config.presetName;
export const { url, healthUrl, healthToken, apiToken, metricsUrl, metricsToken } = service;
/** "health+json" for the reference application, "status" for an own one, whose health is what its HTTP status says. */
export const healthFormat = application === undefined ? "health+json" : "status";
export const pgbouncerHost = loopback.host;
export const pgbouncerPort = ports.pgbouncer;
export const databaseUrl = postgresUrl(logins.app, { ...loopback, port: ports.pgbouncer });
export const directDatabaseUrl = postgresUrl(logins.owner, { ...loopback, port: ports.postgres });
export const monitorUrl = postgresUrl(logins.monitor, { ...loopback, port: ports.postgres });
export const consoleUrl = postgresUrl(logins.monitor, {
  ...loopback,
  database: "pgbouncer",
  port: ports.pgbouncer,
});
export const poolLimits = config.poolLimits;
export const budget = budgetOutput(config.budget);
/** Empty where `poolkit:observability` is off. */
export const prometheusUrl = observed?.url ?? "";
export const readme = pulumi.output(readFileSync("Pulumi.README.md", "utf8"));
