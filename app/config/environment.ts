/** A process environment: what a variable holds, or undefined where it is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process. The only place of the application that reads it; everything else is handed values. */
export function processEnvironment(): Environment {
  return process.env;
}

/** The port when `PORT` is not set; app/healthcheck.ts and the settings table share it. */
export const DEFAULT_PORT = 3000;
