import { preflight } from "../provider/sdk/preflight.ts";
import type { Provider } from "../provider/sdk/provider.ts";
import type { StackConfig } from "./config.ts";
import { imageNames } from "./images.ts";
import type { EngineNames } from "./names.ts";
import { throwProblems } from "./problems.ts";

/** What the builds of all three images take at most, base layers and build stages included (measured: 1.7 GB). */
const buildSpaceMegabytes = 2_500;

/**
 * Asks the engine, before anything is created, whether it answers, has the base image and the stack's host ports free.
 * Throws one RunError with everything that is wrong.
 */
export async function checkEngine(
  config: StackConfig,
  names: EngineNames,
  provider: Provider,
): Promise<void> {
  const { stack, ports, baseImage } = config;
  const { problems } = await preflight(
    {
      stack,
      baseImage,
      images: imageNames(baseImage, config.application),
      buildSpaceMegabytes,
      ports: {
        "poolkit:ports.app": ports.app,
        "poolkit:ports.pgbouncer": ports.pgbouncer,
        "poolkit:ports.postgres": ports.postgres,
      },
      containerNames: [names.app, names.pgbouncer, names.postgres],
    },
    { provider },
  );
  throwProblems(stack, problems);
}
