/** What a load run did. */
export interface LoadResult {
  readonly succeeded: number;
  readonly failures: readonly string[];
}

/** Callers that send one request after the other until they are told to stop. */
export interface Load {
  /** Resolves when this many more requests have succeeded since the call, or when the callers have stopped. */
  progress(requests: number): Promise<void>;
  /** Lets the requests under way end and sends no more. */
  stop(): Promise<LoadResult>;
}

/** Starts `callers` callers of `request`. A rejected promise or a status of 400 and more counts as a failure. */
export function startLoad(callers: number, request: () => Promise<Response>): Load {
  let stopping = false;
  let succeeded = 0;
  const failures: string[] = [];
  const waiters = new Set<{ readonly at: number; readonly resolve: () => void }>();
  const wake = (all: boolean) => {
    for (const waiter of waiters) {
      if (all || succeeded >= waiter.at) {
        waiters.delete(waiter);
        waiter.resolve();
      }
    }
  };
  const call = async () => {
    while (!stopping) {
      try {
        const response = await request();
        await response.arrayBuffer();
        if (response.ok) succeeded += 1;
        else failures.push(String(response.status));
      } catch (error) {
        failures.push(`${String(error)} ${error instanceof Error ? String(error.cause) : ""}`);
      }
      wake(false);
    }
  };
  const done = Promise.all(Array.from({ length: callers }, call)).then(() => wake(true));
  return {
    progress(requests) {
      return new Promise((resolve) => waiters.add({ at: succeeded + requests, resolve }));
    },
    async stop() {
      stopping = true;
      await done;
      return { succeeded, failures };
    },
  };
}

/**
 * Polls `check` until it says true. Throws after `timeoutMs`, also where a check said true too late: a cause that is named
 * after 7 s was not named within 5.
 */
export async function eventually(
  check: () => Promise<boolean>,
  { timeoutMs = 15_000, what = "the condition" } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const isTrue = await check();
    if (Date.now() > deadline) throw new Error(`${what} did not come true within ${timeoutMs} ms`);
    if (isTrue) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
