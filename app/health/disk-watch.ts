import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { ProbeResult } from "../database/probe-connection.ts";
import { probeFailureOf } from "../database/probe-errors.ts";
import { lookAtDisk } from "./health-probes.ts";

/** Writing shows in pg_stat_database.temp_files, so it is done this often at most. */
const LOOK_EVERY_MS = 2000;
/** A look at Postgres waits so long for the disk: less than it has before a second try is sent after it. */
const PATIENCE_MS = 250;

/** Whether Postgres can write, as last seen. */
export class DiskWatch {
  #seen: ProbeResult<unknown> | null = null;
  #nextAt = 0;

  /** Null before the first result. */
  get seen(): ProbeResult<unknown> | null {
    return this.#seen;
  }

  /**
   * Looks when it is time to, on a connection on which nothing else is under way. A slow disk holds nothing up: the former
   * result stands until this one comes. Never rejects.
   */
  async look(client: pg.Client): Promise<void> {
    if (performance.now() < this.#nextAt) return;
    // Set before it begins: a second try beside a slow one must not write, too.
    this.#nextAt = performance.now() + LOOK_EVERY_MS;
    const looked = lookAtDisk(client).then(
      (result) => {
        this.#seen = result;
      },
      (error: unknown) => this.#noteError(error),
    );
    await Promise.race([looked, sleep(PATIENCE_MS, undefined, { ref: false })]);
  }

  #noteError(error: unknown): void {
    const failure = probeFailureOf(error);
    // The connection ended in the middle, perhaps because a look could not wait for it: that says nothing of the disk.
    if (failure !== "unreachable") this.#seen = { ok: false, failure, time: new Date().toISOString() };
  }
}
