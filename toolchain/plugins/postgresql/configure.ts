import { CONFIG_FIELDS, type ConfigField, configName } from "./config-fields.ts";
import type { Settings } from "./server/settings.ts";
import { parseVersion, type Version } from "./server/version.ts";
import { isObject, type Properties, plainProperties, type Value } from "./value.ts";

/** Stands for "ask the server": the official provider's default. */
const UNSET_VERSION = "9.0.0";

/**
 * The settings from the arguments of Configure; what is missing comes from the environment, then from the defaults.
 * Nothing is connected here, so a preview works while the server is down.
 * @throws Error when a number, truth value or object cannot be read.
 */
export function readSettings(args: Properties, environment: NodeJS.ProcessEnv): Settings {
  const given: Properties = {};
  for (const [key, value] of Object.entries(plainProperties(args))) {
    const name = configName(key);
    const field = name === undefined ? undefined : CONFIG_FIELDS[name];
    if (name !== undefined && field !== undefined && value !== null) given[name] = parseSetting(field, value);
  }
  const setting = (name: string): Value => {
    if (given[name] !== undefined) return given[name];
    const field = CONFIG_FIELDS[name];
    const fallback = (field?.environment && environment[field.environment]) || field?.default;
    return field && fallback !== undefined ? parseSetting(field, fallback) : null;
  };
  const text = (name: string) => String(setting(name) ?? "");
  if (setting("azureIdentityAuth") === true && text("azureTenantId") === "") {
    const problem = "postgresql: azure_identity_auth is enabled, azure_tenant_id must be provided also";
    throw new Error(`1 error occurred:\n\t* ${problem}\n\n`);
  }
  return {
    scheme: text("scheme"),
    host: text("host"),
    port: Number(setting("port")),
    database: text("database"),
    username: text("username"),
    password: text("password"),
    databaseUsername: text("databaseUsername"),
    superuser: setting("superuser") === true,
    sslmode: text("sslmode") || text("sslMode"),
    sslrootcert: text("sslrootcert"),
    clientcert: clientCertificate(setting("clientcert")),
    connectTimeoutSeconds: Number(setting("connectTimeout")),
    maxConnections: Number(setting("maxConnections")),
    expectedVersion: expectedVersion(text("expectedVersion")),
  };
}

/**
 * A setting as the engine sends it: numbers, truth values and objects arrive as JSON text.
 * @throws Error in the official plugin's words when the text is no JSON.
 */
export function parseSetting(field: ConfigField, value: Value): Value {
  if (field.type === "string") return typeof value === "string" ? value : JSON.stringify(value);
  if (typeof value !== "string" || value === "") return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new Error(`invalid character '${value[0]}' looking for beginning of value`);
  }
}

function clientCertificate(value: Value): Settings["clientcert"] {
  if (!isObject(value)) return undefined;
  return { cert: String(value.cert ?? ""), key: String(value.key ?? ""), inline: value.sslinline === true };
}

/** A text that is no version expects a server that can do nothing special, as in the official plugin. */
function expectedVersion(text: string): Version | undefined {
  if (text === "" || text === UNSET_VERSION) return undefined;
  return parseVersion(text) ?? { major: 0, minor: 0, patch: 0 };
}
