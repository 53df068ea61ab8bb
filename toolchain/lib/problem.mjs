// @ts-check

const GIVE_ACCESS =
  "let your user write there (sudo chown -R, where root made it), or name another cache folder: XDG_CACHE_HOME";

/**
 * A failure that set-up expects and can explain: it is printed as one message without a stack, and ends the
 * process with exit code 1.
 */
export class SetupProblem extends Error {
  /**
   * @param {string} code short constant name, for searching (`ENGINE_UNREACHABLE`)
   * @param {{ what: string, found: string, fix: string }} parts what does not hold, what was found instead, and
   *   what the reader can do about it
   */
  constructor(code, parts) {
    super(parts.what);
    this.name = "SetupProblem";
    this.code = code;
    this.found = parts.found;
    this.fix = parts.fix;
  }

  /** The text for the person at the terminal, several lines, no trailing newline. */
  render() {
    return [
      `error: ${this.message} [${this.code}]`,
      `  found: ${indent(this.found)}`,
      `  do:    ${indent(this.fix)}`,
    ].join("\n");
  }
}

/** What the system says where a folder does not take our files, and what mends it. */
const FILE_REMEDIES = [
  { codes: ["EACCES", "EPERM", "EROFS", "EEXIST", "ENOTDIR"], fix: GIVE_ACCESS },
  { codes: ["ENOSPC", "EDQUOT"], fix: "free some space there, then start again" },
];

/** The same codes, of processes and sockets, say nothing about a folder. */
const OTHER_CALLS = /^(spawn|kill|connect|listen|bind)\b/;

/**
 * The problem behind an error of the file system that the machine has to be blamed for: a home that is read-only, a cache
 * or a checkout that an earlier run as root left behind, a full disk. Undefined for all others: they are mistakes of ours.
 * @param {unknown} error
 */
export function fileProblem(error) {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  if (OTHER_CALLS.test(String(error.syscall))) return undefined;
  const remedy = FILE_REMEDIES.find(({ codes }) => codes.includes(String(error.code)));
  if (remedy === undefined) return undefined;
  return new SetupProblem("NOT_WRITABLE", {
    what: "set-up cannot write its files",
    found: error.message,
    fix: remedy.fix,
  });
}

/** @param {string} text */
function indent(text) {
  return text.trim().replaceAll("\n", "\n         ");
}
