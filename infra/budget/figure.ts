/** A number of the connection path and the setting that it comes from. */
export interface Figure {
  readonly value: number;
  /** Path of the setting without `poolkit:`, e.g. `overrides.poolSize`; empty for what nobody can set. */
  readonly path: string;
  /** Whether the user's own configuration sets it (else the preset or a default does). */
  readonly isUsers: boolean;
}

/** A number that is part of the kit. */
export function fixed(value: number): Figure {
  return { value, path: "", isUsers: false };
}

/** A setting for which 0 means "no limit", as a limit. */
export function limitOf({ value }: Figure): number {
  return value === 0 ? Number.POSITIVE_INFINITY : value;
}
