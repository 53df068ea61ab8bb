import structPb, { type JavaScriptValue, type Struct } from "google-protobuf/google/protobuf/struct_pb.js";

/**
 * Property values as they travel between engine and plugin. Secrets and values that are not known before the real run
 * are marked objects in the protocol; here they are a class and a symbol, so that nobody mistakes them for data.
 */
export type PropertyValue =
  | null
  | boolean
  | number
  | string
  | typeof unknownValue
  | SecretValue
  | PropertyValue[]
  | PropertyMap;
/** `undefined` means absent and does not travel. */
export interface PropertyMap {
  [key: string]: PropertyValue | undefined;
}

/** A value that only the real run will know. */
export const unknownValue: unique symbol = Symbol("unknown");

/** A value that must be encrypted in state and hidden in output. */
export class SecretValue {
  readonly value: PropertyValue;
  constructor(value: PropertyValue) {
    this.value = value;
  }
}

/** Keys and values fixed by Pulumi's protocol (sdk/go/common/resource/properties.go). */
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknownTexts = new Set([
  unknownText,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** Property values out of a message; an absent struct is an empty map. */
export function decodeProperties(struct: Struct | undefined): PropertyMap {
  return struct === undefined ? {} : decodeMap(struct.toJavaScript());
}

/** Property values into a message. */
export function encodeProperties(properties: PropertyMap): Struct {
  return structPb.Struct.fromJavaScript(encodeMap(properties));
}

function decodeMap(map: { [key: string]: JavaScriptValue }): PropertyMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, decode(value)]));
}

function decode(value: JavaScriptValue): PropertyValue {
  if (typeof value === "string") return unknownTexts.has(value) ? unknownValue : value;
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  if (!isObject(value)) return null;
  if (value[signatureKey] === secretSignature) return new SecretValue(decode(value.value ?? null));
  return decodeMap(value);
}

function isObject(value: JavaScriptValue): value is { [key: string]: JavaScriptValue } {
  return typeof value === "object" && value !== null;
}

function encodeMap(map: PropertyMap): { [key: string]: JavaScriptValue } {
  const present = Object.entries(map).filter(
    (entry): entry is [string, PropertyValue] => entry[1] !== undefined,
  );
  return Object.fromEntries(present.map(([key, value]) => [key, encode(value)]));
}

function encode(value: PropertyValue): JavaScriptValue {
  if (value === unknownValue) return unknownText;
  if (value instanceof SecretValue) return { [signatureKey]: secretSignature, value: encode(value.value) };
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== "object" || value === null) return value;
  return encodeMap(value);
}
