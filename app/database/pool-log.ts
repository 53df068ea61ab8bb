/** Where the layer tells what happened; app/server.ts passes the application's logger. */
export interface PoolLog {
  /** Absent where nobody wants to hear it: then nothing is gathered for it. Asked when a pool is opened. */
  readonly debug?: ((fields: object, message: string) => void) | undefined;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const NOTHING = () => {};
/** Hears nothing. */
export const SILENT: PoolLog = { info: NOTHING, warn: NOTHING };
