import { setTimeout as sleep } from "node:timers/promises";
import { bounded } from "../doctor/bounded.ts";
import { withSession } from "../doctor/session.ts";
import { pick, type Row, renderLook, renderTable } from "../inspect/render.ts";
import { type TableName, type TableOptions, tableOf } from "../inspect/tables.ts";
import { readMonitorUrls } from "../stack.ts";
import { UserError } from "../user-error.ts";

export interface InspectOptions extends TableOptions {
  readonly json?: boolean;
  /** Seconds between two looks; true: the default. */
  readonly watch?: string | true;
}

const lookLimit = 5_000;
const defaultWatchSeconds = 2;

/** `poolkit inspect`: one table, once or again and again until Ctrl-C. Exits 0, or 2 where the source does not answer. */
export async function inspect(what: TableName, stack: string, options: InspectOptions): Promise<number> {
  const seconds = watchSeconds(options.watch);
  const table = tableOf(what, options);
  const url = (await readMonitorUrls(stack))[table.source];
  if (seconds !== undefined) process.once("SIGINT", () => process.exit(0));
  const print = options.json === true ? asJson : asText(seconds !== undefined);
  for (;;) {
    const looked = await bounded(lookLimit, (signal) =>
      withSession(url, signal, (ask) => ask<Row>(table.sql)),
    );
    if (looked.ok) {
      process.stdout.write(print(table.columns, looked.seen));
    } else {
      const message = `no look at ${new URL(url).host}: ${looked.message}; run: poolkit doctor -s ${stack}`;
      if (seconds === undefined) throw new UserError(message);
      process.stderr.write(`poolkit: ${message}\n`);
    }
    if (seconds === undefined) return 0;
    await sleep(seconds * 1000);
  }
}

/** One JSON array in one line; with --watch one line a look. */
function asJson(columns: readonly string[], rows: readonly Row[]): string {
  return `${JSON.stringify(rows.map((row) => pick(columns, row)))}\n`;
}

function asText(isWatching: boolean) {
  return (columns: readonly string[], rows: readonly Row[]): string => {
    const table = renderTable(columns, rows);
    if (!isWatching) return `${table}\n`;
    return renderLook(new Date(), table, process.stdout.isTTY ? process.stdout.columns : undefined);
  };
}

/** As people write them: JavaScript would take 0x10 and 1e3 for numbers, too. */
export function watchSeconds(watch: string | true | undefined): number | undefined {
  if (watch === undefined) return undefined;
  if (watch === true) return defaultWatchSeconds;
  const seconds = /^\d{1,4}(\.\d{1,3})?$/.test(watch) ? Number(watch) : 0;
  if (seconds >= 1 && seconds <= 3600) return seconds;
  throw new UserError(`--watch ${watch}: a number of seconds from 1 to 3600 is allowed`);
}
