import "./native-stack-traces.ts";
import { Provider } from "../provider/sdk/provider.ts";
import { bundleApplication } from "./application-bundle.ts";
import { readConfig } from "./config.ts";
import { engineNames } from "./names.ts";
import { checkEngine } from "./preflight.ts";

const config = readConfig();
const names = engineNames(config.stack);
// Pulumi starts one plugin after the other: the kit's, which looks at the engine, comes first, while the rest of the
// program is loaded.
const kit = new Provider("kit", { dockerHost: config.dockerHost });
const bundled = config.application === undefined ? bundleApplication() : Promise.resolve();
const checked = bundled.then(() => checkEngine(config, names, kit));
const deployed = import("./deploy.ts").then(({ deploy }) => deploy({ config, names, kit, checked }));
await Promise.all([checked, deployed]);

export const {
  preset,
  url,
  healthUrl,
  healthToken,
  apiToken,
  metricsUrl,
  metricsToken,
  healthFormat,
  pgbouncerHost,
  pgbouncerPort,
  databaseUrl,
  directDatabaseUrl,
  monitorUrl,
  consoleUrl,
  pgbouncerAdminUrl,
  poolLimits,
  budget,
  prometheusUrl,
  readme,
} = await deployed;
