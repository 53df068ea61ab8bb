import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Registered } from "./program.ts";

/** A property in a Pulumi package schema. */
interface SchemaProperty {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: SchemaProperty;
  readonly additionalProperties?: SchemaProperty;
  readonly willReplaceOnChanges?: boolean;
}

interface PackageSchema {
  readonly provider: { readonly inputProperties: Record<string, SchemaProperty> };
  readonly resources: Record<string, { readonly inputProperties: Record<string, SchemaProperty> }>;
  readonly types: Record<
    string,
    { readonly properties?: Record<string, SchemaProperty>; readonly type?: string }
  >;
}

/** A property with its type in full; this is how `pulumi-resource-docker -describe` has it, too. */
export interface Property {
  readonly type: string;
  /** A change makes a new resource. */
  readonly replaces?: boolean;
  /** Of arrays and maps. */
  readonly items?: Property;
  readonly properties?: Readonly<Record<string, Property>>;
}

/** Inputs by their names, of resources by their types and of providers as `pulumi:providers:<package>`. */
export type Inputs = ReadonlyMap<string, Readonly<Record<string, Property>>>;

/** What an official plugin takes, from its package schema in test/data. */
export function officialInputs(name: "docker" | "postgresql"): Inputs {
  const file = join(import.meta.dirname, `../data/pulumi-${name}.schema.json`);
  const schema: PackageSchema = JSON.parse(readFileSync(file, "utf8"));
  const all = (properties: Record<string, SchemaProperty>) =>
    Object.fromEntries(Object.entries(properties).map(([key, property]) => [key, inFull(schema, property)]));
  return new Map([
    ...Object.entries(schema.resources).map(
      ([type, { inputProperties }]) => [type, all(inputProperties)] as const,
    ),
    [`pulumi:providers:${name}`, all(schema.provider.inputProperties)],
  ]);
}

function inFull(schema: PackageSchema, property: SchemaProperty): Property {
  const replaces = property.willReplaceOnChanges === true;
  const items = property.items ?? property.additionalProperties;
  if (items !== undefined) return { type: property.type ?? "", replaces, items: inFull(schema, items) };
  const referred = schema.types[property.$ref?.replace("#/types/", "") ?? ""];
  if (referred === undefined) return { type: property.type ?? "", replaces };
  const properties = Object.entries(referred.properties ?? {}).map(
    ([key, nested]) => [key, inFull(schema, nested)] as const,
  );
  return { type: referred.type ?? "object", replaces, properties: Object.fromEntries(properties) };
}

/** A property that a resource sets; `property` is undefined where the plugin has none of that name. */
export interface Used {
  readonly path: string;
  readonly property: Property | undefined;
}

/** Every property that the resource sets, nested ones by their path. */
export function usedProperties(plugin: Inputs, { type, inputs }: Registered): Used[] {
  const properties = plugin.get(type) ?? {};
  return Object.entries(inputs).flatMap(([key, value]) => used(properties[key], value, key));
}

/** Key by which the engine's protocol marks a wrapped value; this one means a secret. */
export const secretMarker = "4dabf18193072939515e22adb298388d";

function used(property: Property | undefined, value: unknown, path: string): Used[] {
  if (typeof value === "object" && value !== null && secretMarker in value) {
    return used(property, "value" in value ? value.value : undefined, path);
  }
  return [{ path, property }, ...usedWithin(property, value, path)];
}

function usedWithin(property: Property | undefined, value: unknown, path: string): Used[] {
  if (typeof value !== "object" || value === null || property === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item) => usedWithin(property.items, item, `${path}[]`));
  if (property.items !== undefined) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    used(property.properties?.[key], item, `${path}.${key}`),
  );
}
