import type { Figure } from "./figure.ts";

/** One summand of an inequality in words and numbers. */
export interface Term {
  readonly what: string;
  readonly value: number;
}

/** A setting that can mend a check, and which way. */
export interface Knob {
  readonly figure: Figure;
  readonly direction: "up" | "down";
}

/** One inequality of the account: the left side must stay at or below the right side. */
export interface Check {
  /** Unique in an account; the same for the same question under another configuration. */
  readonly id: string;
  /** What must hold, in words. */
  readonly about: string;
  /** `refuse` stops the preview; `advise` is a rule of thumb and only said. */
  readonly severity: "refuse" | "advise";
  readonly kind: "capacity" | "timeout";
  readonly unit: string;
  readonly left: readonly Term[];
  readonly relation: "<=" | "<";
  readonly right: readonly Term[];
  /** What people see in production when it does not hold. */
  readonly otherwise: string;
  /** Settings that can mend it, the preferred one first. */
  readonly knobs: readonly Knob[];
}

type Capacity = Omit<Check, "kind" | "severity" | "relation"> & Partial<Pick<Check, "severity">>;

/** What is used must fit what is there. @param check.severity @default refuse */
export function capacity({ severity = "refuse", ...check }: Capacity): Check {
  return { severity, kind: "capacity", relation: "<=", ...check };
}

export function total(terms: readonly Term[]): number {
  return round(terms.reduce((sum, { value }) => sum + value, 0));
}

export function holds({ left, relation, right }: Check): boolean {
  return relation === "<" ? total(left) < total(right) : total(left) <= total(right);
}

export const down = (figure: Figure): Knob => ({ figure, direction: "down" });
export const up = (figure: Figure): Knob => ({ figure, direction: "up" });

/** Sums of decimal seconds would otherwise differ in the last bit. */
function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 1e6) / 1e6 : value;
}
