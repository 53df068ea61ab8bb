import { readFileSync } from "node:fs";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Provider } from "../provider/sdk/provider.ts";
import { AppService } from "./app-service.ts";
import { accountJson } from "./budget/account-json.ts";
import type { StackConfig } from "./config.ts";
import { Database } from "./database.ts";
import { databaseProvider } from "./database-provider.ts";
import { Images } from "./images.ts";
import type { EngineNames } from "./names.ts";
import { Observability } from "./observability.ts";
import { Pooler } from "./pooler.ts";
import { allLogins, token } from "./secrets.ts";
import { postgresUrl } from "./urls.ts";
import { stackLabels } from "./volume.ts";

/** What the stack's resources are made from. */
export interface DeployArgs {
  readonly config: StackConfig;
  readonly names: EngineNames;
  readonly kit: Provider;
  /** Resolves when the engine can take the stack; rejects before anything is made on it. */
  readonly checked: Promise<void>;
}

/** Makes everything of the stack and returns its outputs. */
export async function deploy({ config, names, kit, checked }: DeployArgs) {
  const { stack, sizes, ports, databaseName, observability, application } = config;
  const logins = allLogins(config.secretSeed, stack);
  // Pulumi starts one plugin after the other: these two while the first one, the kit's, looks at the engine.
  await new Promise((resolve) => kit.urn.apply(resolve));
  const engine = new docker.Provider("engine", { host: config.dockerHost });
  const databaseAdmin = databaseProvider({ hostPort: ports.postgres, superuser: logins.superuser });
  await checked;

  const providers = { providers: [engine, kit] };
  const images = new Images("images", { baseImage: config.baseImage, application, observability }, providers);
  const network = new docker.Network(
    "network",
    { name: names.network, labels: stackLabels(stack) },
    { provider: engine },
  );
  const common = {
    stack,
    names,
    sizes,
    databaseName,
    network: network.name,
    logins,
    observability,
    changesAfter: images,
  };

  const database = new Database(
    "database",
    {
      ...common,
      hostPort: ports.postgres,
      provider: databaseAdmin,
      image: images.postgres,
      migrations: application === undefined ? "prisma/migrations" : application.migrations,
      applicationConnections: config.budget.roleLimits.application,
      monitorConnections: config.budget.roleLimits.monitor,
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
      databaseHost: database.host,
      roleSettings: database.roleSettings,
      applicationClients: sizes.connectionLimit * (application?.processes ?? 1),
    },
    providers,
  );
  const metricsToken = token(config.secretSeed, stack, "metrics");
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
        metricsToken: application === undefined ? metricsToken : undefined,
        scrapeJobs: config.scrapeJobs,
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
      metricsToken,
      configuredAfter: pooler.ready,
      startsAfter: database.ready,
      settle: pooler.settleAfter,
      checkedAfter: observed?.containers ?? [],
      healthTriggers: { ...database.versions, ...pooler.versions },
    },
    providers,
  );

  const loopback = { host: "127.0.0.1", database: databaseName };
  const direct = { ...loopback, port: ports.postgres };
  const { url, healthUrl, healthToken, apiToken, metricsUrl } = service;
  return {
    preset: config.presetName,
    url,
    healthUrl,
    healthToken,
    /** Empty, as the next two, where the application is not the reference application. */
    apiToken: apiToken ?? "",
    metricsUrl: metricsUrl ?? "",
    metricsToken: service.metricsToken ?? "",
    /** "health+json" for the reference application, "status" for an own one, whose health is what its HTTP status says. */
    healthFormat: application === undefined ? "health+json" : "status",
    pgbouncerHost: loopback.host,
    pgbouncerPort: ports.pgbouncer,
    databaseUrl: postgresUrl(logins.app, { ...loopback, port: ports.pgbouncer }),
    directDatabaseUrl: postgresUrl(logins.owner, direct),
    monitorUrl: postgresUrl(logins.monitor, direct),
    consoleUrl: postgresUrl(logins.monitor, { ...loopback, database: "pgbouncer", port: ports.pgbouncer }),
    pgbouncerAdminUrl: postgresUrl(logins.admin, {
      ...loopback,
      database: "pgbouncer",
      port: ports.pgbouncer,
    }),
    poolLimits: config.poolLimits,
    /** As text: Pulumi shows its beginning after every `up`, of an object it would show every figure. */
    budget: JSON.stringify(accountJson(config.budget)),
    /** Empty where `poolkit:observability` is off. */
    prometheusUrl: observed?.url ?? "",
    readme: pulumi.output(readFileSync("Pulumi.README.md", "utf8")),
  };
}
