import { type Check, down, type Knob, type Term, up } from "./check.ts";
import type { ConnectionPath } from "./connection-path.ts";
import { type Figure, fixed, limitOf } from "./figure.ts";

/** A time limit in seconds with the name that the account shows. */
export interface Timer extends Figure {
  readonly name: string;
}

export function timer(name: string, figure: Figure): Timer {
  return { ...figure, name };
}

/** A time limit that nobody can set. */
export function constant(name: string, seconds: number): Timer {
  return timer(name, fixed(seconds));
}

/** A setting of PgBouncer. */
export function poolerTimer(path: ConnectionPath, name: string): Timer {
  return timer(name, path.global(name));
}

/** The same where 0 means that it never ends. */
export function orNever(seconds: Timer): Timer {
  return { ...seconds, value: limitOf(seconds) };
}

export function term({ name, value }: Timer): Term {
  return { what: name, value };
}

interface Inside {
  readonly id: string;
  readonly about: string;
  /** What must end first; several run one after the other. */
  readonly inner: Timer | readonly Timer[];
  readonly outer: Timer;
  readonly otherwise: string;
  readonly severity?: Check["severity"];
  /** `<=` where both may end together. */
  readonly relation?: Check["relation"];
  /** Settings that mend it, the preferred one first. @default the inner one shorter, else the outer one longer */
  readonly knobs?: readonly Knob[];
}

/** One timer inside another. */
export function inside({ inner, outer, ...rest }: Inside): Check {
  const inners = [inner].flat();
  const knobs = [...inners.map(down), up(outer)].filter(({ figure }) => figure.path !== "");
  return {
    severity: "refuse",
    relation: "<",
    kind: "timeout",
    unit: "s",
    left: inners.map(term),
    right: [term(outer)],
    knobs,
    ...rest,
  };
}
