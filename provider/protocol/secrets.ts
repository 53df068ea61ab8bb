import type { Path } from "./paths.ts";
import { type PropertyMap, type PropertyValue, SecretValue, unknownValue } from "./values.ts";

/** A value without its marks. */
export type PlainValue = null | boolean | number | string | typeof unknownValue | PlainValue[] | PlainMap;
export interface PlainMap {
  [key: string]: PlainValue | undefined;
}

/** Takes the marks of secrets off, for code that works with the values. */
export function reveal(map: PropertyMap): PlainMap {
  return Object.fromEntries(entriesOf(map).map(([key, value]) => [key, revealValue(value)]));
}

/** Where the outermost secrets stand. */
export function secretPaths(value: PropertyValue, path: Path = []): Path[] {
  if (value instanceof SecretValue) return [path];
  return children(value).flatMap(([key, child]) => secretPaths(child, [...path, key]));
}

/** Marks what stands at the paths as secret. A path that leads nowhere, or into a secret, is skipped. */
export function seal(map: PlainMap, paths: readonly Path[]): PropertyMap {
  let sealed: PropertyMap = map;
  for (const path of paths) {
    const [first, ...rest] = path;
    if (typeof first === "string" && Object.hasOwn(sealed, first)) {
      sealed = { ...sealed, [first]: sealAt(sealed[first] ?? null, rest) };
    }
  }
  return sealed;
}

/** Every text that must not appear in a message; shorter ones would make the message unreadable. */
export function secretTexts(value: PropertyValue, inSecret = false): string[] {
  if (value instanceof SecretValue) return secretTexts(value.value, true);
  if (typeof value === "string") return inSecret && value.length >= 6 ? [value] : [];
  return children(value).flatMap(([, child]) => secretTexts(child, inSecret));
}

function sealAt(value: PropertyValue, path: Path): PropertyValue {
  if (value instanceof SecretValue) return value;
  const [first, ...rest] = path;
  if (first === undefined) return new SecretValue(value);
  if (Array.isArray(value)) return value.map((item, index) => (index === first ? sealAt(item, rest) : item));
  if (!isMap(value) || typeof first === "number" || !Object.hasOwn(value, first)) return value;
  return { ...value, [first]: sealAt(value[first] ?? null, rest) };
}

function revealValue(value: PropertyValue): PlainValue {
  if (value instanceof SecretValue) return revealValue(value.value);
  if (Array.isArray(value)) return value.map(revealValue);
  return isMap(value) ? reveal(value) : value;
}

function children(value: PropertyValue): [string | number, PropertyValue][] {
  if (Array.isArray(value)) return value.map((child, index) => [index, child]);
  return isMap(value) ? entriesOf(value) : [];
}

function entriesOf(map: PropertyMap): [string, PropertyValue][] {
  return Object.entries(map).filter((entry): entry is [string, PropertyValue] => entry[1] !== undefined);
}

function isMap(value: PropertyValue): value is PropertyMap {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof SecretValue)
  );
}

/** Whether anything in the value is only known in the real run. */
export function hasUnknown(value: PlainValue): boolean {
  if (value === unknownValue) return true;
  return children(value).some(([, child]) => hasUnknown(revealValue(child)));
}
