import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Looks again and again at what every user of this machine sees of its processes; needs Linux. */
export interface CommandLines {
  /** Every command line seen since the start. */
  stop(): Promise<readonly string[]>;
}

export const commandLinesVisible = existsSync("/proc/self/cmdline");

export function watchCommandLines(): CommandLines {
  const seen = new Set<string>();
  let isStopping = false;
  const watching = (async () => {
    while (commandLinesVisible && !isStopping) {
      for (const pid of readdirSync("/proc")) {
        if (!/^\d+$/.test(pid)) continue;
        try {
          seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
        } catch {
          // It has ended meanwhile.
        }
      }
      await sleep(100);
    }
  })();
  return {
    async stop() {
      isStopping = true;
      await watching;
      return [...seen];
    },
  };
}
