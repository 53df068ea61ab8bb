import { preflight } from "../provider/sdk/preflight.ts";
import type { Provider } from "../provider/sdk/provider.ts";
import type { StackConfig } from "./config.ts";
import { placeProblems } from "./engine-place.ts";
import { imageSpace } from "./image-sources.ts";
import type { EngineNames } from "./names.ts";
import { throwProblems } from "./problems.ts";

/**
 * Asks the engine, before anything is created, whether it is here, answers, has the base image, space for the images that
 * are missing, and the stack's host ports and names free. Throws one RunError with everything that is wrong.
 */
export async function checkEngine(
  config: StackConfig,
  names: EngineNames,
  provider: Provider,
): Promise<void> {
  const { stack, ports, baseImage, observability, dockerHost, enginePortsForwarded } = config;
  throwProblems(stack, await placeProblems(dockerHost ?? process.env.DOCKER_HOST, enginePortsForwarded));
  const { problems } = await preflight(
    {
      stack,
      baseImage,
      images: imageSpace(config),
      ports: {
        "poolkit:ports.app": { port: ports.app, container: names.app },
        "poolkit:ports.pgbouncer": { port: ports.pgbouncer, container: names.pgbouncer },
        "poolkit:ports.postgres": { port: ports.postgres, container: names.postgres },
        ...(observability && {
          "poolkit:ports.prometheus": { port: ports.prometheus, container: names.prometheus },
        }),
      },
      containerNames: [
        names.app,
        names.pgbouncer,
        names.postgres,
        ...(observability ? [names.prometheus, names.pgbouncerExporter, names.postgresExporter] : []),
      ],
    },
    { provider },
  );
  throwProblems(stack, problems);
}
