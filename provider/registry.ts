import { preflight } from "./functions/preflight.ts";
import { type Handler, handlerOf } from "./model/handler.ts";
import type { PluginFunction } from "./protocol/plugin.ts";
import { appConfig } from "./resources/app-config.ts";
import { changeCount } from "./resources/change-count.ts";
import { healthGate } from "./resources/health-gate.ts";
import { migrations } from "./resources/migrations.ts";
import { pgbouncerClientLimits } from "./resources/pgbouncer-client-limits.ts";
import { pgbouncerConfig } from "./resources/pgbouncer-config.ts";
import { postgresConfig } from "./resources/postgres-config.ts";
import { postgresGate } from "./resources/postgres-gate.ts";
import { prometheusConfig } from "./resources/prometheus-config.ts";
import { roleSettings } from "./resources/role-settings.ts";

/** The resource types of the plugin. */
export const resources: ReadonlyMap<string, Handler> = new Map([
  ["AppConfig", handlerOf(appConfig)],
  ["ChangeCount", handlerOf(changeCount)],
  ["HealthGate", handlerOf(healthGate)],
  ["Migrations", handlerOf(migrations)],
  ["PgBouncerClientLimits", handlerOf(pgbouncerClientLimits)],
  ["PgBouncerConfig", handlerOf(pgbouncerConfig)],
  ["PostgresConfig", handlerOf(postgresConfig)],
  ["PostgresGate", handlerOf(postgresGate)],
  ["PrometheusConfig", handlerOf(prometheusConfig)],
  ["RoleSettings", handlerOf(roleSettings)],
]);

/** The functions of the plugin. */
export const functions: ReadonlyMap<string, PluginFunction> = new Map([["preflight", preflight]]);
