import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { type Browser, chromium } from "playwright-core";
import { ensureTestImage } from "./docker-image.ts";

/**
 * Chromium on the project's base image, as nobody. Its own sandbox needs rights that containers do not have; the
 * container takes its place. It ends by itself after an hour: then its test run was killed before it could clean up.
 */
const DOCKERFILE = `FROM ${process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim"}
RUN apt-get -o Acquire::Check-Valid-Until=false update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \\
      chromium-headless-shell fonts-dejavu-core >/dev/null \\
 && rm -rf /var/lib/apt/lists/*
USER nobody
ENTRYPOINT ["timeout", "3600", "chromium-headless-shell", "--no-sandbox", "--disable-gpu", \\
  "--remote-debugging-port=0", "--user-data-dir=/tmp/profile", "about:blank"]
`;
const START_TIMEOUT_MS = 60_000;

/** A real browser in a container that shares this machine's network, so that it reaches what listens on loopback. */
export interface ChromiumInContainer {
  readonly browser: Browser;
  /** Ends the browser and removes its container. */
  stop(): Promise<void>;
}

/** Starts a Chromium of its own. Call `stop()` in `afterAll` or `finally`. */
export async function startChromium(): Promise<ChromiumInContainer> {
  const docker = new Docker();
  const container = await docker.createContainer({
    Image: await ensureTestImage(docker, "poolkit-test-chromium", DOCKERFILE),
    Labels: { "poolkit.test": "chromium" },
    HostConfig: { NetworkMode: "host", Init: true, ShmSize: 256 * 1024 * 1024 },
  });
  try {
    await container.start();
    const browser = await chromium.connectOverCDP(await debuggingAddress(container));
    return {
      browser,
      async stop() {
        await browser.close();
        await container.remove({ force: true });
      },
    };
  } catch (error) {
    await container.remove({ force: true });
    throw error;
  }
}

/** Chromium chooses a free port of loopback and says it in its log, with a secret in the path. */
async function debuggingAddress(container: Docker.Container): Promise<string> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const log = (await container.logs({ stdout: true, stderr: true })).toString("utf8");
    const address = /DevTools listening on (ws:\/\/127\.0\.0\.1:\S+)/.exec(log)?.[1];
    if (address !== undefined) return address;
    if (!(await container.inspect()).State.Running || Date.now() > deadline) {
      throw new Error(`Chromium did not come up: ${log.slice(-2000)}`);
    }
    await sleep(100);
  }
}
