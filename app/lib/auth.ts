import { createHash, timingSafeEqual } from "node:crypto";

/** Longest Authorization header that is looked at; a longer one cannot be ours and is not worth hashing. */
const MAX_HEADER_CHARACTERS = 1024;

const digest = (text: string) => createHash("sha256").update(text).digest();

/**
 * True when `presented` is exactly this token. Takes the same time for every wrong one: both sides are hashed first, so
 * neither the length nor the first differing character shows.
 */
export function isToken(presented: string, token: string): boolean {
  return timingSafeEqual(digest(presented), digest(token)) && token !== "";
}

/** True when `header` is `Bearer <token>` with exactly this token; takes the same time for every wrong token. */
export function isBearer(header: string | undefined, token: string): boolean {
  const looked = header !== undefined && header.length <= MAX_HEADER_CHARACTERS ? header : "";
  const presented = /^bearer +(\S+)$/i.exec(looked)?.[1] ?? "";
  return isToken(presented, token);
}
