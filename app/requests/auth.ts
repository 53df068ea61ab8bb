import { hash, timingSafeEqual } from "node:crypto";

/** Longest Authorization header that is looked at; a longer one cannot be ours and is not worth hashing. */
const MAX_HEADER_CHARACTERS = 1024;
/** More tokens than are in force at one time; more come by only when they change. */
const MAX_REMEMBERED = 8;

const digest = (text: string): Buffer => hash("sha256", text, "buffer");

/** Digests of the tokens in force by their text: a token is compared with every request and changes once a year. */
const remembered = new Map<string, Buffer>();

function digestOfToken(token: string): Buffer {
  const known = remembered.get(token);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const made = digest(token);
  remembered.set(token, made);
  return made;
}

/**
 * True when `presented` is exactly this secret. Takes the same time for every wrong one: both sides are hashed first, so
 * neither the length nor the first differing character shows.
 */
export function isToken(presented: string, token: string): boolean {
  return timingSafeEqual(digest(presented), digest(token)) && token !== "";
}

/** True when `header` is `Bearer <token>` with exactly this token; takes the same time for every wrong token. */
export function isBearer(header: string | undefined, token: string): boolean {
  const looked = header !== undefined && header.length <= MAX_HEADER_CHARACTERS ? header : "";
  const presented = /^bearer +(\S+)$/i.exec(looked)?.[1] ?? "";
  return timingSafeEqual(digest(presented), digestOfToken(token)) && token !== "";
}
