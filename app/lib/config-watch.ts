import { stat } from "node:fs/promises";

/**
 * How often the files are looked at. Looking at a handful of files costs nothing and sees every change; file events do
 * not: they are lost for a file that is replaced by renaming, and on some mounts (network volumes, a host's folder in a
 * virtual machine) they never come.
 */
const LOOK_EVERY_MS = 1000;

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

/**
 * Calls `onChange` after the files have changed and then stayed the same for one look. A set of files is written one
 * after the other; waiting for quiet keeps a half-written set from being read. One call at a time: the next look comes
 * when `onChange` has ended. Returns the function that ends the watch.
 */
export function watchConfig(files: readonly string[], onChange: () => Promise<void>): () => void {
  let isEnded = false;
  let timer: NodeJS.Timeout;
  /** What was taken over, and what the last look saw. */
  let taken: string | undefined;
  let last: string | undefined;
  const look = async () => {
    const seen = await fingerprint(files);
    taken ??= seen;
    if (seen !== taken && seen === last) {
      taken = seen;
      await onChange();
    }
    last = seen;
  };
  const schedule = () => {
    if (isEnded) return;
    timer = setTimeout(() => void look().finally(schedule), LOOK_EVERY_MS).unref();
  };
  void look().finally(schedule);
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}
