/** Whether a text has a URL with a password in it: such a text is refused unshown where everybody may read the value. */
export function hasUrlPassword(text: string): boolean {
  return /\w+:\/\/[^\s/:@]*:[^\s/@]+@/.test(text);
}
