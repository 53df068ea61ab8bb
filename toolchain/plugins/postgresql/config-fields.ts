/** A setting of the provider. */
export interface ConfigField {
  /** The name that the official plugin uses in its messages. */
  upstream: string;
  type: "string" | "int" | "bool" | "object";
  /** The variable of the deployer's environment that is taken when the program sets nothing. */
  environment?: string;
  default?: string;
  atLeast?: number;
  oneOf?: readonly string[];
  secret?: boolean;
  deprecated?: string;
}

/** Every setting of the official provider. */
export const CONFIG_FIELDS: Readonly<Record<string, ConfigField>> = {
  awsRdsIamAuth: { upstream: "aws_rds_iam_auth", type: "bool" },
  awsRdsIamProfile: { upstream: "aws_rds_iam_profile", type: "string" },
  awsRdsIamProviderRoleArn: { upstream: "aws_rds_iam_provider_role_arn", type: "string" },
  awsRdsIamRegion: { upstream: "aws_rds_iam_region", type: "string" },
  azureIdentityAuth: { upstream: "azure_identity_auth", type: "bool" },
  azureTenantId: { upstream: "azure_tenant_id", type: "string" },
  clientcert: { upstream: "clientcert", type: "object" },
  connectTimeout: {
    upstream: "connect_timeout",
    type: "int",
    environment: "PGCONNECT_TIMEOUT",
    default: "180",
    atLeast: -1,
  },
  database: { upstream: "database", type: "string", environment: "PGDATABASE", default: "postgres" },
  databaseUsername: { upstream: "database_username", type: "string" },
  expectedVersion: { upstream: "expected_version", type: "string" },
  gcpIamImpersonateServiceAccount: { upstream: "gcp_iam_impersonate_service_account", type: "string" },
  host: { upstream: "host", type: "string", environment: "PGHOST" },
  maxConnections: { upstream: "max_connections", type: "int", default: "20", atLeast: -1 },
  password: { upstream: "password", type: "string", environment: "PGPASSWORD", secret: true },
  port: { upstream: "port", type: "int", environment: "PGPORT", default: "5432" },
  scheme: {
    upstream: "scheme",
    type: "string",
    default: "postgres",
    oneOf: ["postgres", "awspostgres", "gcppostgres"],
  },
  sslMode: {
    upstream: "ssl_mode",
    type: "string",
    deprecated: "Rename PostgreSQL provider `sslMode` attribute to `sslmode`",
  },
  sslmode: { upstream: "sslmode", type: "string", environment: "PGSSLMODE" },
  sslrootcert: { upstream: "sslrootcert", type: "string" },
  superuser: { upstream: "superuser", type: "bool", environment: "PGSUPERUSER", default: "true" },
  username: { upstream: "username", type: "string", environment: "PGUSER", default: "postgres" },
};

/** The name of a setting for a key; upstream names are taken as well. */
export function configName(key: string): string | undefined {
  if (Object.hasOwn(CONFIG_FIELDS, key)) return key;
  return Object.keys(CONFIG_FIELDS).find((name) => CONFIG_FIELDS[name]?.upstream === key);
}
