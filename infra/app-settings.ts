import type { Preset } from "./presets.ts";

/**
 * The application's settings file, one half of the contract between infra and app (test/contract holds the two lists
 * equal). Times in seconds.
 */
export function appSettings(stack: string, presetName: string, sizes: Preset): Record<string, string> {
  return {
    POOLKIT_STACK: stack,
    POOLKIT_PRESET: presetName,
    DATABASE_CONNECTION_LIMIT: String(sizes.connectionLimit),
    DATABASE_POOL_TIMEOUT: String(sizes.poolTimeoutSeconds),
    USE_ENHANCED_POOLING: String(sizes.enhancedPooling),
    DATABASE_IDLE_TIMEOUT: String(sizes.applicationIdleSeconds),
    DATABASE_MAX_LIFETIME: String(sizes.applicationLifetimeSeconds),
    DATABASE_TRANSACTION_MAX_WAIT: String(sizes.transactionMaxWaitSeconds),
    DATABASE_TRANSACTION_TIMEOUT: String(sizes.transactionTimeoutSeconds),
    DATABASE_RETRY_BUDGET: String(sizes.retryBudgetSeconds),
    STOP_GRACE: String(sizes.stopGraceSeconds),
  };
}
