import { z } from "zod";
import { containerType, dockerHostIn, plain } from "../stack-state.ts";

const inputs = z.record(z.string(), z.unknown());
const export_ = z.looseObject({
  deployment: z.looseObject({
    resources: z
      .array(z.looseObject({ type: z.string(), inputs: inputs.optional(), outputs: inputs.optional() }))
      .nullish(),
    pending_operations: z.array(z.unknown()).nullish(),
  }),
});

/** Outputs of infra/index.ts; each may be missing, because a first `up` that failed has not set them all. */
const outputs = z.object({
  preset: z.string().optional(),
  healthUrl: z.string().optional(),
  healthToken: z.string().optional(),
  healthFormat: z.enum(["health+json", "status"]).optional(),
  databaseUrl: z.string().optional(),
  directDatabaseUrl: z.string().optional(),
  monitorUrl: z.string().optional(),
  consoleUrl: z.string().optional(),
  poolLimits: z.record(z.string(), z.number()).optional(),
});

/** What the last `up` deployed, as Pulumi's state has it. */
export interface Deployed {
  /** `docker:host`; undefined = DOCKER_HOST, else the default socket. */
  readonly dockerHost: string | undefined;
  readonly outputs: z.infer<typeof outputs>;
  /** The whole [pgbouncer] section. */
  readonly pgbouncerSettings: Readonly<Record<string, string>>;
  /** Every setting of the application's role (`search_path`, `statement_timeout`, …), as `ALTER ROLE … SET` takes them. */
  readonly roleSettings: Readonly<Record<string, string>>;
  /** CONNECTION LIMIT of the application's role; undefined where the state has none. */
  readonly roleConnectionLimit: number | undefined;
  /** Names of the migrations. */
  readonly migrations: readonly string[];
  /** Schema of the tables and of Prisma's table of migrations. */
  readonly schema: string;
  /** Names of the containers on the engine. */
  readonly containers: readonly string[];
  /** Of the application's configuration files; undefined where the state has none. */
  readonly appRevision: string | undefined;
  /** Steps that an `up` began and has not ended: it runs, or it was killed. */
  readonly pendingOperations: number;
}

const strings = z.record(z.string(), z.string());

/** Reads `pulumi stack export --show-secrets`. Whatever is missing or of another form is left out. */
export function deployedIn(json: unknown, appRole: string): Deployed {
  const { deployment } = export_.parse(json);
  const resources = deployment.resources ?? [];
  const of = (type: string) => resources.filter((resource) => resource.type === type);
  const first = (type: string) => plain(of(type)[0]?.inputs ?? {});
  const role = of("postgresql:index/role:Role")
    .map((resource) => plain(resource.inputs ?? {}))
    .find(({ name }) => name === appRole);
  const searchPaths = z.array(z.string()).safeParse(role?.searchPaths).data;
  const ofRole = {
    search_path: searchPaths?.join(", "),
    statement_timeout: role?.statementTimeout,
    idle_in_transaction_session_timeout: role?.idleInTransactionSessionTimeout,
  };
  const migrations = first("poolkit:index:Migrations");
  const { revision } = plain(of("poolkit:index:AppConfig")[0]?.outputs ?? {});
  return {
    dockerHost: dockerHostIn({ deployment }),
    outputs: outputs.safeParse(plain(of("pulumi:pulumi:Stack")[0]?.outputs ?? {})).data ?? {},
    pgbouncerSettings: strings.safeParse(first("poolkit:index:PgBouncerConfig").settings).data ?? {},
    roleSettings: {
      ...Object.fromEntries(
        Object.entries(ofRole).flatMap(([name, value]) =>
          typeof value === "number" || typeof value === "string" ? [[name, String(value)]] : [],
        ),
      ),
      ...strings.safeParse(first("poolkit:index:RoleSettings").settings).data,
    },
    roleConnectionLimit: typeof role?.connectionLimit === "number" ? role.connectionLimit : undefined,
    migrations: Object.keys(strings.safeParse(migrations.migrations).data ?? {}).sort(),
    schema: typeof migrations.schema === "string" ? migrations.schema : "public",
    containers: of(containerType).flatMap(({ inputs = {} }) =>
      typeof inputs.name === "string" ? [inputs.name] : [],
    ),
    appRevision: typeof revision === "string" ? revision : undefined,
    pendingOperations: deployment.pending_operations?.length ?? 0,
  };
}
