import { z } from "zod";
import { DEFAULT_PORT } from "./environment.ts";

/** What a setting's text turns into. */
export type SettingValue = string | number | boolean;

/** One setting that is no secret: how it is written, what it means, what is allowed. */
export interface Setting {
  /** Unit of the value as shown to people; null for names and switches. */
  readonly unit: string | null;
  /** Used where no source gives a value; undefined where another setting gives the default. */
  readonly fallback: SettingValue | undefined;
  /** Human form of the rule, for error messages and `.env.example`. */
  readonly allowed: string;
  readonly schema: z.ZodType<SettingValue, string>;
}

const wholeNumber = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));

/** Seconds as people write them: digits with at most three decimals, so text, NaN, signs and exponents are refused. */
const decimalSeconds = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,3})?$/)
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));

/** A count of connections; the upper bound is far above any PgBouncer of one process. */
const connections = (fallback: number): Setting => ({
  unit: "connections",
  fallback,
  allowed: "a whole number from 1 to 10000",
  schema: wholeNumber(1, 10_000),
});

/** A time limit. 0 is refused, because in pg it means "wait forever" (facts: pg.Pool connectionTimeoutMillis). */
const seconds = (fallback: number | undefined): Setting => ({
  unit: "seconds",
  fallback,
  allowed: "a number of seconds from 0.1 to 86400 (0 would mean without end)",
  schema: decimalSeconds(0.1, 86_400),
});

const oneOf = (fallback: string, ...words: readonly [string, ...string[]]): Setting => ({
  unit: null,
  fallback,
  allowed: `one of ${words.join(", ")}`,
  schema: z.enum(words),
});

/** As long as the name of a Pulumi stack may be. */
const name = (fallback: string): Setting => ({
  unit: null,
  fallback,
  allowed: "1 to 100 letters, digits, dots, dashes or underscores",
  schema: z.string().regex(/^[\w.-]{1,100}$/),
});

/** Settings of the process itself: from the environment only, because they cannot change while it runs. */
export const PROCESS_SETTINGS = {
  NODE_ENV: oneOf("development", "development", "production", "test"),
  HOST: { ...name("127.0.0.1"), allowed: "an IPv4 address or host name to listen on" },
  PORT: {
    unit: null,
    fallback: DEFAULT_PORT,
    allowed: "a port from 0 to 65535",
    schema: wholeNumber(0, 65_535),
  },
  LOG_LEVEL: oneOf("info", "fatal", "error", "warn", "info", "debug", "trace", "silent"),
  PROCESSING_CONCURRENCY: {
    unit: "batches",
    fallback: 2,
    allowed: "a whole number from 0 to 100 (0 = this process serves requests only)",
    schema: wholeNumber(0, 100),
  },
  PROCESSING_POLL_INTERVAL: seconds(2),
  PROCESSING_LEASE: seconds(30),
  PROCESSING_MAX_ATTEMPTS: {
    unit: "attempts",
    fallback: 5,
    allowed: "a whole number from 1 to 100",
    schema: wholeNumber(1, 100),
  },
} as const satisfies Record<string, Setting>;

/** Settings that may change live: from the environment, the URL (two of them), the settings file or the default. */
export const LIVE_SETTINGS = {
  POOLKIT_PRESET: name("none"),
  POOLKIT_STACK: name("local"),
  DATABASE_CONNECTION_LIMIT: connections(10),
  DATABASE_POOL_TIMEOUT: seconds(30),
  USE_ENHANCED_POOLING: {
    unit: null,
    fallback: false,
    allowed: "true or false",
    schema: z.enum(["true", "false"]).transform((text) => text === "true"),
  },
  // The guide's one number feeds both limits (Prisma's pool_timeout is the acquire wait); these two split it.
  DATABASE_ACQUIRE_TIMEOUT: seconds(undefined),
  DATABASE_IDLE_TIMEOUT: seconds(undefined),
  DATABASE_MAX_LIFETIME: seconds(1800),
  DATABASE_TRANSACTION_MAX_WAIT: seconds(5),
  DATABASE_TRANSACTION_TIMEOUT: seconds(15),
  // Twice DATABASE_TRANSACTION_TIMEOUT where it is not set: by then every well-behaved checkout has ended.
  DATABASE_LEAK_THRESHOLD: seconds(undefined),
  DATABASE_RETRY_BUDGET: {
    unit: "seconds",
    fallback: 5,
    allowed: "a number of seconds from 0 (never repeat anything) to 300",
    schema: decimalSeconds(0, 300),
  },
  STOP_GRACE: seconds(30),
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof PROCESS_SETTINGS | keyof typeof LIVE_SETTINGS;

/** Every setting that is no secret, by name. */
export const SETTINGS: Readonly<Record<SettingKey, Setting>> = { ...PROCESS_SETTINGS, ...LIVE_SETTINGS };
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/**
 * Secrets and their file in the configuration folder. Each also has a `<KEY>_FILE` form. The revision of the
 * configuration is made of the files in this order (see revisionOf).
 */
export const SECRET_FILES = {
  DATABASE_URL: "database-url",
  MONITOR_URL: "monitor-url",
  CONSOLE_URL: "console-url",
  HEALTH_TOKEN: "health-token",
  API_TOKEN: "api-token",
  METRICS_TOKEN: "metrics-token",
} as const;

export type SecretKey = keyof typeof SECRET_FILES;
export const SECRET_KEYS = Object.keys(SECRET_FILES) as readonly SecretKey[];

/** Folder with settings.json and the secret files; infra mounts it read-only at /run/poolkit. */
export const CONFIG_DIRECTORY_KEY = "POOLKIT_CONFIG_DIR";
/** Name of the settings file in that folder: a flat JSON object of texts with the keys of LIVE_SETTINGS. */
export const SETTINGS_FILE = "settings.json";

/** Every environment variable that the application reads. */
export const ENVIRONMENT_KEYS: readonly string[] = [
  CONFIG_DIRECTORY_KEY,
  ...Object.keys(SETTINGS),
  ...SECRET_KEYS,
  ...SECRET_KEYS.map((key) => `${key}_FILE`),
];
