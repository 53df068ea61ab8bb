// @ts-check

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

/** @param {string} text */
function indent(text) {
  return text.trim().replaceAll("\n", "\n         ");
}
