import { DEFAULT_PORT, processEnvironment } from "./config/environment.ts";

/** Below the three to five seconds that a container's health check usually has. */
const TIMEOUT_MS = 2000;

/** The container's health check: 0 when the application in this container answers /livez, else 1. */
const port = processEnvironment().PORT || String(DEFAULT_PORT);
try {
  const response = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  process.exit(response.ok ? 0 : 1);
} catch {
  process.exit(1);
}
