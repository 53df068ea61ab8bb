import { z } from "zod";

/** Longest text of one message or name that comes in from outside; what is longer is refused, never cut. */
export const MAX_NAME_CHARACTERS = 200;
export const MAX_MESSAGE_CHARACTERS = 20_000;

/** Text that Postgres can keep: it has no way to store the character NUL. */
export const text = (minimum: number, maximum: number) =>
  z
    .string()
    .min(minimum, minimum === 1 ? "must not be empty" : undefined)
    .max(maximum, `must have at most ${maximum} characters`)
    .refine((value) => !value.includes("\0"), "must not contain the character NUL");

export const name = text(1, MAX_NAME_CHARACTERS);

/** A moment with its offset, as UTC text. Years beyond these are typing errors, and Postgres refuses some of them. */
export const instant = z.iso
  .datetime({
    offset: true,
    error: "must be a time with offset as in ISO 8601, for example 2026-11-01T09:00:00Z",
  })
  .transform((value) => new Date(value).toISOString())
  .refine((value) => /^(19|[2-9]\d)\d\d-/.test(value), "must be in the years 1900 to 9999");
