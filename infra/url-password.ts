/** Whether a text has a URL with a password in it: such a text is refused unshown where everybody may read the value. */
export function hasUrlPassword(text: string): boolean {
  return /\w+:\/\/[^\s/:@]*:[^\s/@]+@/.test(text);
}

/** The text with `***` in place of the passwords in its URLs. Rather too much is hidden than too little. */
export function withoutUrlPasswords(text: string): string {
  return text.replaceAll(/(:\/\/[^\s/:@"]*:)\S+@/g, "$1***@");
}
