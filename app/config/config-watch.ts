import { stat } from "node:fs/promises";

/**
 * How often the files are looked at. Looking at a handful of files costs nothing and sees every change; file events do
 * not: they are lost for a file that is replaced by renaming, and on some mounts (network volumes, a host's folder in a
 * virtual machine) they never come.
 */
const LOOK_EVERY_MS = 1000;

/** After so many looks a change that was not taken is told again: what refused it (an outage, say) may be over. */
const AGAIN_AFTER_LOOKS = 5;

/** Identifies what lies at each path now. Any write, replacement or removal changes it. */
async function fingerprint(files: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ ino, size, mtimeMs, ctimeMs }) => `${ino}:${size}:${mtimeMs}:${ctimeMs}`,
        (error: NodeJS.ErrnoException) => error.code ?? "absent",
      ),
    ),
  );
  return parts.join("\n");
}

/** Takes a change over; false when it was refused. `isAgain`: nothing has changed since the last refusal. */
export type OnChange = (isAgain: boolean) => Promise<boolean>;

/**
 * Calls `onChange` after the files have changed and then stayed the same for one look. A set of files is written one
 * after the other; waiting for quiet keeps a half-written set from being read. It is also called once after the first
 * look, because the files may have changed since the caller read them, and every few looks while the last call was
 * refused. One call at a time: the next look comes when `onChange` has ended. Returns the function that ends the watch.
 * @param lookEveryMs milliseconds from the end of a look to the next @default 1000
 */
export function watchConfig(
  files: readonly string[],
  onChange: OnChange,
  lookEveryMs: number = LOOK_EVERY_MS,
): () => void {
  let isEnded = false;
  let timer: NodeJS.Timeout;
  /** What was taken over, and what the last look saw. */
  let taken: string | undefined;
  let last: string | undefined;
  /** Looks since a refusal; null when the last call was taken. */
  let looksSinceRefusal: number | null = null;
  const tell = async (isAgain: boolean) => {
    looksSinceRefusal = (await onChange(isAgain)) ? null : 0;
  };
  const look = async () => {
    const seen = await fingerprint(files);
    if (looksSinceRefusal !== null) looksSinceRefusal += 1;
    if (taken === undefined || (seen !== taken && seen === last)) {
      taken = seen;
      await tell(false);
    } else if (seen === taken && looksSinceRefusal !== null && looksSinceRefusal >= AGAIN_AFTER_LOOKS) {
      await tell(true);
    }
    last = seen;
  };
  const schedule = () => {
    if (isEnded) return;
    timer = setTimeout(() => void look().finally(schedule), lookEveryMs).unref();
  };
  void look().finally(schedule);
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}
