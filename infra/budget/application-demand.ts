/** What an application in place of the reference application says of itself that the account needs. */
export interface ApplicationDemand {
  /** False for the reference application. */
  readonly isOwn: boolean;
  /** Processes in its container, each with a pool of its own. */
  readonly processes: number;
  /** Connections past PgBouncer that it holds at the same moment. */
  readonly directConnections: number;
  /** Memory limit of its container in MiB. */
  readonly memoryMegabytes: number;
  /** Pools of one process at the same moment: a live change opens the new one while the former one drains. */
  readonly poolsPerProcess: number;
}

/** Numbers of `poolkit:application` that count in the account, with what they may be. */
export const demandRanges = Object.freeze({
  processes: { min: 1, max: 256 },
  directConnections: { min: 0, max: 1000 },
  memoryMegabytes: { min: 32, max: 1_048_576 },
});

/** Memory limit of the application's container where nothing else is said. */
export const defaultMemoryMegabytes = 512;
/** Direct connections of an application that has the direct URL: it migrates itself, as the kit would. */
export const defaultDirectConnections = 2;

/** Reads them from `poolkit:application`; what is not allowed counts as left out (it is refused elsewhere). Pure. */
export function applicationDemand(given: Readonly<Record<string, unknown>>): ApplicationDemand {
  const isOwn = Object.keys(given).length > 0;
  const number = (name: keyof typeof demandRanges, fallback: number) => {
    const { [name]: value } = given;
    const { min, max } = demandRanges[name];
    return typeof value === "number" && value >= min && value <= max ? value : fallback;
  };
  const hasDirectUrl = given.directUrlVariable !== undefined;
  return {
    isOwn,
    processes: number("processes", 1),
    directConnections: hasDirectUrl ? number("directConnections", defaultDirectConnections) : 0,
    memoryMegabytes: number("memoryMegabytes", defaultMemoryMegabytes),
    // Without a signal a change makes a new container, and the former one has ended by then.
    poolsPerProcess: isOwn && given.reloadSignal === undefined ? 1 : 2,
  };
}
