import type * as pulumi from "@pulumi/pulumi";
import type { OwnApplication } from "./application.ts";
import { givenVariables, setFolder } from "./application-contract.ts";
import { defaultMemoryMegabytes } from "./budget/application-demand.ts";
import {
  appPort,
  pgbouncerAlias,
  pgbouncerPort,
  postgresAlias,
  postgresPort,
  unprivilegedUid,
} from "./names.ts";
import type { Preset } from "./presets.ts";
import type { Login } from "./secrets.ts";
import { postgresUrl } from "./urls.ts";

/** What the kit does for an application, whichever it is: everything in which the two kinds differ. */
export interface ApplicationForm {
  readonly port: number;
  readonly uid: number;
  /** `uid:gid` of the container; undefined = the image's own user, which is `uid`. */
  readonly user: string | undefined;
  readonly memoryMegabytes: number;
  readonly healthPath: string;
  readonly envs: string[];
  /** Secret files in the configuration folder, by name. */
  readonly files: Readonly<Record<string, pulumi.Input<string>>>;
  /** How the process takes changed files: by this signal; "none" = by a new container. */
  readonly reloadSignal: string;
  /** Undefined = the image's own. */
  readonly stopSignal: string | undefined;
  /** Whether its health body tells the revision of the files that it runs, so that a change is read back. */
  readonly reportsRevision: boolean;
}

/** What the files of both kinds are made of. */
export interface FormArgs {
  readonly databaseName: string;
  readonly sizes: Preset;
  readonly logins: { readonly app: Login; readonly owner: Login; readonly monitor: Login };
  readonly healthToken: pulumi.Output<string>;
  readonly apiToken: pulumi.Output<string>;
  readonly metricsToken: pulumi.Output<string>;
}

const viaPooler = { host: pgbouncerAlias, port: pgbouncerPort };
const direct = { host: postgresAlias, port: postgresPort };

/** The reference application (app/): test/contract holds equal what is written here and what it reads. */
export function referenceForm({ databaseName, sizes, logins, ...tokens }: FormArgs): ApplicationForm {
  return {
    port: appPort,
    uid: unprivilegedUid,
    user: undefined,
    memoryMegabytes: defaultMemoryMegabytes,
    healthPath: "/api/admin/database-health",
    envs: ["LOG_LEVEL=info", "NODE_ENV=production", `POOLKIT_CONFIG_DIR=${setFolder}`, `PORT=${appPort}`],
    files: {
      "database-url": postgresUrl(logins.app, {
        ...viaPooler,
        database: databaseName,
        parameters: { connection_limit: sizes.connectionLimit, pool_timeout: sizes.poolTimeoutSeconds },
      }),
      "monitor-url": postgresUrl(logins.monitor, { ...direct, database: databaseName }),
      "console-url": postgresUrl(logins.monitor, { ...viaPooler, database: "pgbouncer" }),
      "health-token": tokens.healthToken,
      "api-token": tokens.apiToken,
      "metrics-token": tokens.metricsToken,
    },
    reloadSignal: "SIGHUP",
    stopSignal: undefined,
    reportsRevision: true,
  };
}

/**
 * The user's own application (docs/your-own-application.md). Its URL has no parameters: drivers other than Prisma's
 * refuse the ones they do not know, or send them to the server.
 */
export function ownForm(
  own: OwnApplication,
  { databaseName, logins, healthToken }: FormArgs,
): ApplicationForm {
  const given = givenVariables(own).map(({ name, value }) => `${name}=${value}`);
  const further = Object.entries(own.environment).map(([name, value]) => `${name}=${value}`);
  const directUrl: ApplicationForm["files"] =
    own.directUrlVariable === undefined
      ? {}
      : { "direct-url": postgresUrl(logins.owner, { ...direct, database: databaseName }) };
  return {
    port: own.port,
    uid: own.uid,
    user: `${own.uid}:${own.uid}`,
    memoryMegabytes: own.memoryMegabytes,
    healthPath: own.healthPath,
    envs: [...given, ...further].sort(),
    files: {
      "database-url": postgresUrl(logins.app, { ...viaPooler, database: databaseName }),
      "health-token": healthToken,
      ...directUrl,
    },
    reloadSignal: own.reloadSignal ?? "none",
    // Most images name none; of a container that has none the engine takes the signal to reload for a stop.
    stopSignal: own.reloadSignal === undefined ? undefined : "SIGTERM",
    reportsRevision: false,
  };
}
